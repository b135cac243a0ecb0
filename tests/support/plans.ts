import { Fact } from "../../provision/facts";
import { Author } from "../../provision/change";
import type { Host } from "../../provision/host";
import { changeHost, planHost } from "../../provision/host-plan";
import type { Action, Step } from "../../provision/planning";
import { Command } from "../../provision/shell";

/** An action in plain sh. */
export const act = (summary: string, command: string, more: Partial<Action> = {}): Action => ({
  summary,
  command: new Command(command),
  ...more,
});

/** A step that always has these actions to do, whatever its facts say. */
export const step = (actions: readonly Action[], facts: Record<string, Fact<unknown>> = {}): Step<undefined> => ({
  name: "test",
  facts: () => facts,
  plan: () => [...actions],
});

export const ANN: Author = { verb: "provision", operator: "ann@laptop" };

/** Plans and carries out, as verbs do. */
export async function change(host: Host, ...actions: Action[]): Promise<void> {
  await changeHost(host, await planHost(host, [step(actions)], undefined), ANN);
}
