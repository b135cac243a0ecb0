import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Deployment } from "../deployment/deployment";
import type { Infrastructure } from "./infrastructure";
import {
  InfrastructurePlan,
  PlannedChange,
  STACKS,
  Stack,
  TerraformPlan,
  plannedChanges,
  refuseImpossible,
  summarize,
} from "./planned-changes";
import { SynthOptions, configuration, descriptionsOf, synthesize } from "./synth";
import { Protected, parseEvents } from "./terraform-errors";
import { initialize, parseDocument, readStackOutputs, terraform } from "./terraform-run";

/** Plans both stacks; changes nothing. */
export const planInfrastructure = (infrastructure: Infrastructure): Promise<InfrastructurePlan> =>
  withPlanFolder(async (folder) => (await planStacks(infrastructure, STACKS, { folder, lock: false })).plan);

/** Makes a folder for plans, and removes it when `use` has ended: plans hold all that the stacks are given. */
export async function withPlanFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "plan-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface PlanOptions {
  /** Where the plans are written. */
  readonly folder: string;
  readonly lock?: boolean;
  readonly destroy?: boolean;
}
export const planFile = (folder: string, stack: Stack): string => join(folder, `${stack}.plan`);

/** The outputs of the data stack that the host stack needs, as environment variables for Terraform: `TF_VAR_<name>`. */
export type Variables = Readonly<Record<string, string>>;

export interface Planned {
  readonly plan: InfrastructurePlan;
  readonly variables: Variables;
}

/**
 * Plans the stacks. If Terraform refuses because a protected resource would be destroyed, plans them once more without
 * protection, to show what would be lost.
 */
export async function planStacks(
  infrastructure: Infrastructure,
  stacks: readonly Stack[],
  options: PlanOptions,
): Promise<Planned> {
  if (infrastructure.withoutTerraform) return { plan: summarize(infrastructure.withoutTerraform()), variables: {} };
  const synth: SynthOptions = options.destroy && stacks.includes("data") ? { WITHOUT_DATA: "1" } : {};
  try {
    return await planOnce(infrastructure, stacks, options, synth);
  } catch (error) {
    if (!(error instanceof Protected)) throw error;
    return planOnce(infrastructure, stacks, options, { ...synth, UNPROTECTED: "1" });
  }
}

async function planOnce(
  infrastructure: Infrastructure,
  stacks: readonly Stack[],
  options: PlanOptions,
  synth: SynthOptions,
): Promise<Planned> {
  const { context, deployment } = infrastructure;
  await synthesize(context, deployment, synth);
  await all(STACKS.map((stack) => initialize(context, deployment, stack)));
  const variables = readVariables(infrastructure);
  const planned = await all(
    stacks.map(async (stack) => planStack(infrastructure, stack, options, stack === "host" ? await variables : {})),
  );
  const changes = planned.flatMap((each) => each.changes);
  const plans = planned.map(({ plan }) => plan);
  const notes = infrastructure.notes(plans, changes);
  return { plan: summarize(changes, notes), variables: await variables };
}

/** Waits for all, even if one fails, so that no terraform goes on unseen. */
async function all<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

/** Reads the data stack's outputs, but only if the host stack needs any. */
export async function readVariables({ context, deployment }: Infrastructure): Promise<Variables> {
  const wanted = hostVariables(deployment);
  if (wanted.length === 0) return {};
  const outputs = await readStackOutputs(context, deployment, "data");
  return Object.fromEntries(
    wanted.flatMap((name) => (name in outputs ? [[`TF_VAR_${name}`, String(outputs[name])]] : [])),
  );
}

export const hostVariables = (deployment: Deployment): string[] =>
  Object.keys(configuration(deployment, "host").variable ?? {});

export async function planStack(
  infrastructure: Infrastructure,
  stack: Stack,
  { folder, lock, destroy }: PlanOptions,
  variables: Variables,
): Promise<{ readonly changes: readonly PlannedChange[]; readonly plan: TerraformPlan }> {
  const { context, deployment } = infrastructure;
  const file = planFile(folder, stack);
  const args = ["plan", "-input=false", "-json", `-out=${file}`];
  if (lock === false) args.push("-lock=false");
  if (destroy && infrastructure.destroysWhole(stack)) args.push("-destroy");
  const { stdout } = await terraform(context, deployment, stack, args, { env: variables });
  const isEmpty = !parseEvents(stdout).some(({ type }) => type === "planned_change");
  if (isEmpty && !infrastructure.readsEmptyPlans) return { changes: [], plan: {} };
  const shown = await terraform(context, deployment, stack, ["show", "-json", file]);
  const plan = parseDocument(shown.stdout) as TerraformPlan;
  refuseImpossible(plan);
  return { changes: plannedChanges(stack, plan, descriptionsOf(deployment, stack)), plan };
}
