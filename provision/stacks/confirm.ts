import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";
import type { InfrastructurePlan } from "./plan-text";

/**
 * Shows what a plan loses for good, and asks for the deployment's name. Without a terminal, CONFIRM must be
 * `<name>@<id of this plan>`. A plan that loses nothing needs no confirmation. @throws UserError without confirmation
 */
export async function confirmLosses(
  context: Context,
  { name }: Deployment,
  { id, losses }: Pick<InfrastructurePlan, "id" | "losses">,
  verb: string,
): Promise<void> {
  if (losses.length === 0) return;
  sayLosses(context, name, losses);
  await confirmName(context, { name, answer: `${name}@${id}`, verb });
}

export function sayLosses({ screen }: Context, name: string, losses: readonly string[]): void {
  screen.say(`${name} loses, for good:`);
  for (const loss of losses) screen.say(`  ${loss}`);
}

interface Question {
  /** The deployment's name, which a person types. */
  readonly name: string;
  /** What CONFIRM must say. */
  readonly answer: string;
  /** The verb that the hint names, to be run again with CONFIRM. */
  readonly verb: string;
}

/** @throws UserError unless the deployment's name is typed, or CONFIRM has the answer */
export async function confirmName({ screen }: Context, { name, answer, verb }: Question): Promise<void> {
  const given = process.env["CONFIRM"];
  if (given === answer) return;
  const hint = `run CONFIRM=${answer} make ${verb}`;
  if (given) throw new UserError(`CONFIRM is "${given}", not "${answer}": nothing was touched`, hint);
  if (!screen.canAsk()) throw new UserError("this needs to be confirmed: nothing was touched", hint);
  const typed = await screen.ask("type the deployment's name to go on: ");
  if (typed.trim() !== name) throw new UserError(`the answer is not "${name}": nothing was touched`);
}
