import { Fact } from "../../provision/change/read-facts";
import { Author } from "../../provision/change/compile";
import type { Host } from "../../provision/link/host";
import { changeHost, planHost } from "../../provision/change/host-plan";
import type { Action, Step } from "../../provision/change/planning";
import { Command } from "../../provision/base/shell";

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
