import { confirmName } from "../base/confirm";
import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import type { InfrastructurePlan } from "./planned-changes";

/**
 * Shows what a plan loses for good, and asks for the deployment's name. Without a terminal, CONFIRM must be
 * `<name>@<id of this plan>`. A plan that loses nothing needs no confirmation. @throws UserError without confirmation
 */
export async function confirmLosses(
  context: Context,
  { name }: Deployment,
  { id, losses }: Pick<InfrastructurePlan, "id" | "losses">,
  verb: string,
  untouched?: string,
): Promise<void> {
  if (losses.length === 0) return;
  sayLosses(context, name, losses);
  await confirmName(context, { name, answer: `${name}@${id}`, verb, ...(untouched && { untouched }) });
}

export function sayLosses({ screen }: Context, name: string, losses: readonly string[]): void {
  screen.say(`${name} loses, for good:`);
  for (const loss of losses) screen.say(`  ${loss}`);
}
