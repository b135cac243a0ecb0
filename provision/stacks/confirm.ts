import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";
import type { InfrastructurePlan } from "./plan-text";

/**
 * Says what a plan loses for good, and wants the deployment's name: typed, or in CONFIRM if there is no terminal, with
 * the id of the very plan. A plan that loses nothing needs no word.
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
  /** What is to be run again with CONFIRM. */
  readonly verb: string;
}

/** @throws UserError unless the deployment's name is typed, or CONFIRM has the answer */
export async function confirmName({ screen }: Context, { name, answer, verb }: Question): Promise<void> {
  const given = process.env["CONFIRM"];
  if (given === answer) return;
  const hint = `CONFIRM=${answer} make ${verb}`;
  if (given) throw new UserError(`CONFIRM is "${given}", not "${answer}": nothing was touched`, hint);
  if (!screen.canAsk()) throw new UserError("this wants to be confirmed: nothing was touched", hint);
  const typed = await screen.ask("type the deployment's name to go on: ");
  if (typed.trim() !== name) throw new UserError(`that is not "${name}": nothing was touched`);
}
