import { NOTHING_TOUCHED } from "../base/confirm";
import { UserError } from "../base/errors";
import type { Infrastructure } from "./infrastructure";
import { InfrastructurePlan, PlannedChange, STACKS, Stack, summarize } from "./planned-changes";
import {
  PlanOptions,
  Variables,
  hostVariables,
  planFile,
  planStack,
  planStacks,
  readVariables,
  withPlanFolder,
} from "./terraform-plan";
import { terraform } from "./terraform-run";

/** Shows a plan and throws if it must not be applied. @param untouched what is true if it throws */
export type Confirm = (plan: InfrastructurePlan, untouched: string) => Promise<void> | void;

const DATA_TOUCHED = "what the first plan says of the data is done, the host is as it was";

/**
 * Makes a plan, hands it to `confirm`, and applies exactly that plan. If there is nothing to do, `confirm` is not
 * called. The data stack is applied first: if that changes the plan of the host stack, `confirm` is called again.
 */
export function applyInfrastructure(
  infrastructure: Infrastructure,
  confirm: Confirm,
  { destroy }: { readonly destroy?: readonly Stack[] } = {},
): Promise<InfrastructurePlan> {
  const { context, deployment } = infrastructure;
  const stacks = destroy ? [...STACKS].reverse().filter((stack) => destroy.includes(stack)) : STACKS;
  const onProgress = (line: string): void => context.screen.say(`  ${line}`);
  return withPlanFolder(async (folder) => {
    const planning = { folder, destroy: destroy !== undefined };
    const { plan, variables } = await planStacks(infrastructure, stacks, planning);
    if (plan.changes.length > 0) await confirm(plan, NOTHING_TOUCHED);
    if (infrastructure.withoutTerraform) return plan;
    if (!destroy) await detach(infrastructure, plan, variables, onProgress);
    // A plan without changes is applied, too: it may hold new outputs.
    for (const stack of stacks) {
      if (stack === "host" && !destroy) await planAgain(infrastructure, planning, plan, variables, confirm);
      const env = destroy ? { DELETE_DATA: "1" } : {};
      const args = ["apply", "-input=false", "-json", planFile(folder, stack)];
      await terraform(context, deployment, stack, args, { env, onProgress });
    }
    return plan;
  });
}

/** By resource of the data stack: the resource of the host stack that uses it. AWS destroys nothing that is in use. */
const USES: Readonly<Record<string, string>> = {
  "aws_ebs_volume.data": "aws_volume_attachment.data_attachment",
  "aws_eip.address": "aws_eip_association.address_use",
};

async function detach(
  { context, deployment }: Infrastructure,
  { changes }: InfrastructurePlan,
  variables: Variables,
  onProgress: (line: string) => void,
): Promise<void> {
  const doomed = changes.filter(
    ({ stack, action }) => stack === "data" && (action === "replace" || action === "delete"),
  );
  const targets = doomed.flatMap(({ address }) => USES[address] ?? []).map((use) => `-target=${use}`);
  if (targets.length === 0) return;
  const args = ["apply", "-destroy", "-auto-approve", "-input=false", "-json", ...targets];
  await terraform(context, deployment, "host", args, { env: variables, onProgress });
}

/** Plans the host stack again if the data stack's resources have got their ids only now. */
async function planAgain(
  infrastructure: Infrastructure,
  planning: PlanOptions,
  before: InfrastructurePlan,
  variables: Variables,
  confirm: Confirm,
): Promise<void> {
  const now = await readVariables(infrastructure);
  const missing = hostVariables(infrastructure.deployment).filter((name) => now[`TF_VAR_${name}`] === undefined);
  if (missing.length > 0) {
    throw new UserError(
      `the data stack has no output ${missing.join(", ")}: its state does not fit its configuration`,
      "run make infrastructure again",
    );
  }
  if (JSON.stringify(now) === JSON.stringify(variables)) return;
  const { changes, plan } = await planStack(infrastructure, "host", planning, now);
  // A resource that was detached before is now created instead of replaced.
  const done = ({ address, action }: PlannedChange): string =>
    Object.values(USES).includes(address) ? address : `${action} ${address}`;
  const shown = before.changes.filter(({ stack }) => stack === "host").map(done);
  if (changes.map(done).join() === shown.join()) return;
  await confirm(summarize(changes, infrastructure.notes([plan], changes)), DATA_TOUCHED);
}
