import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";
import type { InfrastructurePlan } from "./plan-text";
import { ask, canAsk, say } from "../base/output";

/**
 * Says what a plan loses for good, and wants the deployment's name: typed, or where there is no terminal in CONFIRM,
 * with the id of the very plan. A plan that loses nothing needs no word.
 */
export async function confirmLosses(
  { name }: Deployment,
  { id, losses }: InfrastructurePlan,
  verb: string,
): Promise<void> {
  if (losses.length === 0) return;
  say(`${name} loses, for good:`);
  for (const loss of losses) say(`  ${loss}`);
  const wanted = `${name}@${id}`;
  const given = process.env["CONFIRM"];
  if (given === wanted) return;
  const hint = `CONFIRM=${wanted} make ${verb}`;
  if (given) throw new UserError(`CONFIRM is "${given}", this is the plan ${wanted}: nothing was touched`, hint);
  if (!canAsk()) throw new UserError("this wants to be confirmed: nothing was touched", hint);
  const answer = await ask("type the deployment's name to go on: ");
  if (answer.trim() !== name) throw new UserError(`that is not "${name}": nothing was touched`);
}
