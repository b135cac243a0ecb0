import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildResult, runChild } from "../base/child";
import type { Deployment } from "../deployment/deployment";
import { Busy, UserError } from "../base/errors";
import {
  Descriptions,
  InfrastructurePlan,
  PlannedChange,
  STACKS,
  Stack,
  TerraformPlan,
  awsNotes,
  plannedChanges,
  refuseImpossible,
  summarize,
} from "./plan-text";
import { duration, printable } from "../base/output";
import { ROOT } from "../deployment/paths";

export { STACKS, plannedChanges, summarize };
export type { InfrastructurePlan, PlannedChange, Stack };

export type TerraformEvent = Readonly<Record<string, unknown>> & { readonly type?: string };

/** What Terraform would do; changes nothing. */
export async function planInfrastructure(deployment: Deployment): Promise<InfrastructurePlan> {
  const folder = mkdtempSync(join(tmpdir(), "plan-"));
  try {
    return (await planStacks(deployment, STACKS, { folder, lock: false })).plan;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Plans, shows the plan to `confirm`, and applies exactly that plan. Nothing to do: `confirm` is not called. It is
 * called again where the data that was made first changes what is to be done to the host.
 */
export async function applyInfrastructure(
  deployment: Deployment,
  confirm: (plan: InfrastructurePlan) => Promise<void> | void,
  onProgress: (line: string) => void,
  options: { readonly destroy?: readonly Stack[] } = {},
): Promise<InfrastructurePlan> {
  const { destroy } = options;
  const stacks = destroy ? [...STACKS].reverse().filter((stack) => destroy.includes(stack)) : STACKS;
  const folder = mkdtempSync(join(tmpdir(), "plan-"));
  try {
    const planning = { folder, destroy: destroy !== undefined };
    const { plan, variables } = await planStacks(deployment, stacks, planning);
    if (plan.changes.length > 0) await confirm(plan);
    if (!destroy) await detach(deployment, plan, variables, onProgress);
    // A plan without changes is applied too: it may hold new outputs.
    for (const stack of stacks) {
      if (stack === "host" && !destroy) await planAgain(deployment, planning, plan, variables, confirm);
      const env = destroy ? { DELETE_DATA: "1" } : {};
      const args = ["apply", "-input=false", "-json", planFile(folder, stack)];
      await terraform(deployment, stack, args, { env, onProgress });
    }
    return plan;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the host stack has of a thing of the data stack: AWS destroys nothing that is in use. */
const USES: Readonly<Record<string, string>> = {
  "aws_ebs_volume.data": "aws_volume_attachment.data_attachment",
  "aws_eip.address": "aws_eip_association.address_use",
};

async function detach(
  deployment: Deployment,
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
  await terraform(deployment, "host", args, { env: variables, onProgress });
}

/** The host was planned before its data had its ids: now it has. */
async function planAgain(
  deployment: Deployment,
  planning: PlanOptions,
  before: InfrastructurePlan,
  variables: Variables,
  confirm: (plan: InfrastructurePlan) => Promise<void> | void,
): Promise<void> {
  const now = await readVariables(deployment);
  const missing = hostVariables(deployment).filter((name) => now[`TF_VAR_${name}`] === undefined);
  if (missing.length > 0) {
    throw new UserError(
      `the data stack does not say ${missing.join(", ")}: its state is not what its configuration says`,
      "run make infrastructure again",
    );
  }
  if (JSON.stringify(now) === JSON.stringify(variables)) return;
  const { changes, plan } = await planStack(deployment, "host", planning, now);
  // What was detached meanwhile is created, not replaced.
  const done = ({ address, action }: PlannedChange): string =>
    Object.values(USES).includes(address) ? address : `${action} ${address}`;
  const shown = before.changes.filter(({ stack }) => stack === "host").map(done);
  if (changes.map(done).join() !== shown.join())
    await confirm(summarize(changes, notesOf(deployment, [plan], changes)));
}

/** The host stack's outputs as Terraform keeps them. */
export const terraformOutputs = (deployment: Deployment): Promise<Record<string, unknown>> =>
  readOutputs(deployment, "host");

async function readOutputs(deployment: Deployment, stack: Stack): Promise<Record<string, unknown>> {
  const { stdout } = await terraform(deployment, stack, ["output", "-json"]);
  const outputs = parseDocument(stdout) as Record<string, { value: unknown }>;
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
}

/** What a second, deliberate synth may leave out, once it is known what that destroys. */
interface SynthOptions {
  /** Nothing is protected from its destruction. */
  readonly UNPROTECTED?: "1";
  /** On AWS a torn down deployment keeps its backups and their key. */
  readonly WITHOUT_DATA?: "1";
}

/** Writes the stacks' configuration: what cdktf makes of the deployment and of what is there. */
async function synthesize(deployment: Deployment, options: SynthOptions): Promise<void> {
  const { UNPROTECTED: _, WITHOUT_DATA: __, ...inherited } = process.env;
  const env = { ...inherited, ...options, DEPLOYMENT: deployment.name, CHECKPOINT_DISABLE: "1" };
  // Quicker here than --require tsx/cjs: the provider's bindings are many files.
  const args = ["--import", "tsx", join(ROOT, "infra/main.ts")];
  const { code, stderr } = await runChild(process.execPath, args, { env });
  if (code === 0) return;
  // The child reports as every script does; its error becomes ours.
  const [, message] = /^error: (.*)$/m.exec(stderr) ?? [];
  const [, hint] = /^hint: (.*)$/m.exec(stderr) ?? [];
  throw message ? new UserError(message, hint) : new Error(`infra/main.ts failed:\n${stderr}`);
}

/** What Terraform is given of each stack, as JSON. */
export async function stackConfigurations(deployment: Deployment): Promise<Readonly<Record<Stack, object>>> {
  await synthesize(deployment, {});
  return { data: configuration(deployment, "data"), host: configuration(deployment, "host") };
}

interface PlanOptions {
  /** Where the plans are written. */
  readonly folder: string;
  readonly lock?: boolean;
  readonly destroy?: boolean;
}
const planFile = (folder: string, stack: Stack): string => join(folder, `${stack}.plan`);

/** What the host stack must know of the data stack: its outputs, as Terraform's variables of the same names. */
type Variables = Readonly<Record<string, string>>;

interface Planned {
  readonly plan: InfrastructurePlan;
  readonly variables: Variables;
}

/** Terraform refuses to destroy what is protected: then it is planned once more without, to say what that would lose. */
async function planStacks(deployment: Deployment, stacks: readonly Stack[], options: PlanOptions): Promise<Planned> {
  const synth: SynthOptions = options.destroy && stacks.includes("data") ? { WITHOUT_DATA: "1" } : {};
  try {
    return await planOnce(deployment, stacks, options, synth);
  } catch (error) {
    if (!(error instanceof Protected)) throw error;
    return planOnce(deployment, stacks, options, { ...synth, UNPROTECTED: "1" });
  }
}

async function planOnce(
  deployment: Deployment,
  stacks: readonly Stack[],
  options: PlanOptions,
  synth: SynthOptions,
): Promise<Planned> {
  await synthesize(deployment, synth);
  await all(STACKS.map((stack) => initialize(deployment, stack)));
  const variables = readVariables(deployment);
  const planned = await all(
    stacks.map(async (stack) => planStack(deployment, stack, options, stack === "host" ? await variables : {})),
  );
  const changes = planned.flatMap((each) => each.changes);
  const plans = planned.map(({ plan }) => plan);
  return { plan: summarize(changes, notesOf(deployment, plans, changes)), variables: await variables };
}

/** Waits for all, also where one fails: no terraform goes on unseen. */
async function all<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

const notesOf = (
  { aws }: Deployment,
  plans: readonly TerraformPlan[],
  changes: readonly PlannedChange[],
): readonly string[] => (aws ? awsNotes(plans, changes, aws.region) : []);

/** Only where the host stack asks for something. */
async function readVariables(deployment: Deployment): Promise<Variables> {
  const wanted = hostVariables(deployment);
  if (wanted.length === 0) return {};
  const outputs = await readOutputs(deployment, "data");
  return Object.fromEntries(
    wanted.flatMap((name) => (name in outputs ? [[`TF_VAR_${name}`, String(outputs[name])]] : [])),
  );
}

const hostVariables = (deployment: Deployment): string[] =>
  Object.keys(configuration(deployment, "host").variable ?? {});

async function planStack(
  deployment: Deployment,
  stack: Stack,
  { folder, lock, destroy }: PlanOptions,
  variables: Variables,
): Promise<{ readonly changes: readonly PlannedChange[]; readonly plan: TerraformPlan }> {
  const file = planFile(folder, stack);
  const args = ["plan", "-input=false", "-json", `-out=${file}`];
  if (lock === false) args.push("-lock=false");
  // On AWS the data stack is not destroyed, but planned without the data: the backups stay.
  if (destroy && (stack === "host" || deployment.isLocal)) args.push("-destroy");
  const { stdout } = await terraform(deployment, stack, args, { env: variables });
  const isEmpty = !parseEvents(stdout).some(({ type }) => type === "planned_change");
  if (isEmpty && deployment.isLocal) return { changes: [], plan: {} };
  const shown = await terraform(deployment, stack, ["show", "-json", file]);
  const plan = parseDocument(shown.stdout) as TerraformPlan;
  refuseImpossible(plan);
  return { changes: plannedChanges(stack, plan, descriptionsOf(deployment, stack)), plan };
}

/** `terraform init`, once for each configuration of backend and providers. */
async function initialize(deployment: Deployment, stack: Stack): Promise<void> {
  const data = dataDirectory(deployment, stack);
  keepProviderLock(deployment, stack, "in");
  const stamp = createHash("sha256")
    .update(JSON.stringify(configuration(deployment, stack).terraform))
    .digest("hex");
  const stampFile = join(data, "initialized");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  mkdirSync(data, { recursive: true });
  await terraform(deployment, stack, ["init", "-input=false", "-no-color", "-reconfigure"]);
  keepProviderLock(deployment, stack, "out");
  writeFileSync(stampFile, stamp);
}

/** The hashes of the providers are kept beside the deployment file, for the whole team: each synth clears its folder. */
function keepProviderLock(deployment: Deployment, stack: Stack, direction: "in" | "out"): void {
  const kept = deployment.paths.providerLock;
  const inUse = join(stackDirectory(deployment, stack), ".terraform.lock.hcl");
  const [from, to] = direction === "in" ? [kept, inUse] : [inUse, kept];
  if (!deployment.isLocal && existsSync(from)) copyFileSync(from, to);
}

/** What synth wrote, as far as it is read here. */
interface Configuration {
  readonly terraform: unknown;
  readonly variable?: Readonly<Record<string, unknown>>;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, { readonly "//"?: Descriptions[string] }>>>>;
}

const configuration = (deployment: Deployment, stack: Stack): Configuration =>
  JSON.parse(readFileSync(join(stackDirectory(deployment, stack), "cdk.tf.json"), "utf8"));

async function terraform(
  deployment: Deployment,
  stack: Stack,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly onProgress?: (line: string) => void } = {},
): Promise<ChildResult> {
  const env = {
    ...process.env,
    ...options.env,
    TF_DATA_DIR: dataDirectory(deployment, stack),
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
  };
  const events: TerraformEvent[] = [];
  const { onProgress } = options;
  const onLine = onProgress
    ? (line: string): void => {
        const event = parseEvents(line);
        events.push(...event);
        event.flatMap(progressOf).forEach((text) => onProgress(printable(text)));
      }
    : undefined;
  const result = await runChild(terraformProgram(), [`-chdir=${stackDirectory(deployment, stack)}`, ...args], {
    env,
    isShielded: true,
    ...(onLine && { onLine }),
  }).catch((error: unknown) => {
    if (error instanceof UserError && /not installed/.test(error.message)) {
      throw new UserError(`${terraformProgram()} is not installed`, INSTALL);
    }
    throw error;
  });
  if (result.code === 0) return result;
  throw terraformError(stack, [...events, ...parseEvents(result.stdout)], `${result.stdout}${result.stderr}`);
}

const stackDirectory = ({ paths }: Deployment, stack: Stack): string => join(paths.state, "cdktf.out/stacks", stack);
const dataDirectory = ({ paths }: Deployment, stack: Stack): string => join(paths.state, "terraform", stack);

/** One JSON object; OpenTofu writes warnings about its own configuration before it. */
export const parseDocument = (text: string): unknown => JSON.parse(text.slice(Math.max(0, text.search(/^\{/m))));

/** The lines that are JSON objects; Terraform mixes others in before it has read its options. */
export function parseEvents(text: string): TerraformEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") ? [JSON.parse(line) as TerraformEvent] : [];
    } catch {
      return [];
    }
  });
}

/** What a stack says of its resources, by address. */
function descriptionsOf(deployment: Deployment, stack: Stack): Descriptions {
  const { resource = {} } = configuration(deployment, stack);
  return Object.fromEntries(
    Object.entries(resource).flatMap(([type, byName]) =>
      Object.entries(byName).map(([name, body]) => [`${type}.${name}`, body["//"] ?? {}]),
    ),
  );
}

/** The output of scripts and tools that a resource runs, and what took its time. */
function progressOf({ type, hook }: TerraformEvent): string[] {
  const { output = "", resource, action, elapsed_seconds = 0 } = (hook ?? {}) as Hook;
  if (type === "apply_complete" && elapsed_seconds >= 1 && resource?.resource_type !== "terraform_data")
    return [`${action} ${resource?.addr}: ${duration(elapsed_seconds)}`];
  if (type !== "provision_progress") return [];
  return /^Executing: \[/.test(output) || !output.trim() ? [] : [output.trimEnd()];
}

interface Hook {
  readonly output?: string;
  readonly resource?: { readonly addr: string; readonly resource_type: string };
  readonly action?: string;
  readonly elapsed_seconds?: number;
}

/** The plan destroys what is marked with prevent_destroy. */
class Protected extends UserError {}

/** Who holds the state, as Terraform's lock says it; nothing but a person can tell whether that run still lives. */
function lockHeld(stack: Stack, message: string): UserError {
  const info = (name: string): string => new RegExp(`${name}:[ \\t]+(\\S.*)`).exec(message)?.[1]?.trim() ?? "";
  const [who, operation, since, id] = [info("Who"), info("Operation"), info("Created"), info("ID")];
  const what = operation.replace(/^OperationType/, "").toLowerCase();
  const about = [who && ` by ${who}`, what && ` (${what})`, since && ` since ${since}`].filter(Boolean).join("");
  const unlock = `${terraformProgram()} -chdir=state/<deployment>/cdktf.out/stacks/${stack} force-unlock ${id}`;
  const hint = id ? `wait until that has ended; if that run is dead for sure: ${unlock}` : "wait until that has ended";
  return new Busy(`the infrastructure is being changed${about}`, hint);
}

/** OpenTofu does as well: TERRAFORM=tofu. */
export const terraformProgram = (): string => process.env["TERRAFORM"] || "terraform";
const INSTALL =
  "https://developer.hashicorp.com/terraform/install, or TERRAFORM=tofu: https://opentofu.org/docs/intro/install";

export function terraformError(stack: Stack, events: readonly TerraformEvent[], text: string): UserError {
  const errors = events.flatMap(({ type, diagnostic }) => {
    const { severity, summary, detail } = (diagnostic ?? {}) as {
      severity?: string;
      summary?: string;
      detail?: string;
    };
    return type === "diagnostic" && severity === "error" ? [`${summary}${detail ? `: ${detail}` : ""}`] : [];
  });
  const message = printable(errors.join("\n") || text).trim();
  // Terraform reads the state while it locks it: a broken one is told as a failure to lock.
  if (/state file|state snapshot|unexpected end of JSON/i.test(message)) {
    return new UserError(
      `Terraform cannot read the state of ${stack}: ${message}`,
      `${stack}.tfstate.backup beside it is the state before the last change`,
    );
  }
  if (/prevent_destroy/.test(message)) return new Protected(`what is protected would be destroyed: ${message}`);
  if (/state lock/i.test(message)) {
    return lockHeld(stack, message);
  }
  if (/unsupported Terraform Core version/i.test(message)) {
    return new UserError(`${terraformProgram()} is too old`, INSTALL);
  }
  const [, script] = /local-exec provisioner error: .*?\. Output:\s*([\s\S]+)$/.exec(message) ?? [];
  return new UserError(
    `terraform failed in the stack ${stack}: ${(script ?? message).trim()}`,
    "mend the cause and run the same verb again: it goes on from there",
  );
}
