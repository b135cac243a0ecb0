import { Fact } from "../../provision/change/fact";
import { Author } from "../../provision/change/standing";
import type { Host } from "../../provision/link/host";
import { changeHost, planHost } from "../../provision/change/change-host";
import type { Action, Step, Summary } from "../../provision/change/planning";
import { script } from "../../provision/base/shell";
import { context } from "./context";

/** An action in plain sh. */
export const act = (summary: Summary, command: string, more: Partial<Action> = {}): Action => ({
  summary,
  command: script(command),
  ...more,
});

/** A step that always wants these actions, whatever its facts say. */
export const step = (actions: readonly Action[], facts: Record<string, Fact<unknown>> = {}): Step<undefined> => ({
  name: "test",
  facts: () => facts,
  plan: () => [...actions],
});

export const ANN: Author = { verb: "provision", operator: "ann@laptop" };

/** Plans the actions and carries them out, as verbs do. */
export async function change(host: Host, ...actions: Action[]): Promise<void> {
  await changeHost(context, host, await planHost(context, host, [step(actions)], undefined), ANN);
}
