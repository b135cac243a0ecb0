import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChildResult, runChild } from "./child";
import type { Deployment } from "./deployment";
import { Busy, UserError } from "./errors";
import { printable } from "./output";
import { ROOT } from "./paths";

/** The two stacks of a deployment, in the order they are made. */
export const STACKS = ["data", "host"] as const;
export type Stack = (typeof STACKS)[number];

export interface PlannedChange {
  readonly stack: Stack;
  /** Terraform's: `terraform_data.host`. */
  readonly address: string;
  readonly action: "create" | "update" | "replace" | "delete";
  /** For people: `create host airflow-local-1a2b3c4d`. */
  readonly summary: string;
}

export interface InfrastructurePlan {
  /** Empty: nothing to do. */
  readonly changes: readonly PlannedChange[];
  /** One line a change. */
  readonly text: string;
}

export type TerraformEvent = Readonly<Record<string, unknown>> & { readonly type?: string };

/** What Terraform would do; changes nothing. */
export async function planInfrastructure(deployment: Deployment): Promise<InfrastructurePlan> {
  await synthesize(deployment);
  const changes = await Promise.all(STACKS.map((stack) => planStack(deployment, stack, { lock: false })));
  return summarize(changes.flat());
}

/** Plans, shows the plan to `confirm`, and applies exactly that plan. Nothing to do: `confirm` is not called. */
export async function applyInfrastructure(
  deployment: Deployment,
  confirm: (plan: InfrastructurePlan) => Promise<void> | void,
  onProgress: (line: string) => void,
  options: { readonly destroy?: readonly Stack[] } = {},
): Promise<InfrastructurePlan> {
  const stacks = options.destroy ? [...STACKS].reverse().filter((stack) => options.destroy!.includes(stack)) : STACKS;
  const files = Object.fromEntries(
    stacks.map((stack) => [stack, join(dataDirectory(deployment, stack), `${process.pid}.plan`)]),
  );
  await synthesize(deployment);
  try {
    const planned = await Promise.all(
      stacks.map((stack) =>
        planStack(deployment, stack, { file: files[stack]!, destroy: options.destroy !== undefined }),
      ),
    );
    const plan = summarize(planned.flat());
    if (plan.changes.length > 0) await confirm(plan);
    // A plan without changes is applied too: it may hold new outputs.
    for (const stack of stacks) {
      const env = options.destroy ? { DELETE_DATA: "1" } : {};
      await terraform(deployment, stack, ["apply", "-input=false", "-json", files[stack]!], { env, onProgress });
    }
    return plan;
  } finally {
    for (const file of Object.values(files)) rmSync(file, { force: true });
  }
}

/** The host stack's outputs as Terraform keeps them. */
export async function terraformOutputs(deployment: Deployment): Promise<Record<string, unknown>> {
  const { stdout } = await terraform(deployment, "host", ["output", "-json"]);
  const outputs = JSON.parse(stdout) as Record<string, { value: unknown }>;
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
}

/** Writes the stacks' configuration: what cdktf makes of the deployment and of what is there. */
async function synthesize(deployment: Deployment): Promise<void> {
  const env = { ...process.env, DEPLOYMENT: deployment.name, CHECKPOINT_DISABLE: "1" };
  const args = ["--import", "tsx", join(ROOT, "infra/main.ts")];
  const { code, stderr } = await runChild(process.execPath, args, { env });
  if (code === 0) return;
  // The child reports as every script does; its error becomes ours.
  const [, message] = /^error: (.*)$/m.exec(stderr) ?? [];
  const [, hint] = /^hint: (.*)$/m.exec(stderr) ?? [];
  throw message ? new UserError(message, hint) : new Error(`infra/main.ts failed:\n${stderr}`);
}

interface PlanOptions {
  readonly file?: string;
  readonly lock?: boolean;
  readonly destroy?: boolean;
}

async function planStack(deployment: Deployment, stack: Stack, options: PlanOptions): Promise<PlannedChange[]> {
  await initialize(deployment, stack);
  const args = ["plan", "-input=false", "-json"];
  if (options.file) args.push(`-out=${options.file}`);
  if (options.lock === false) args.push("-lock=false");
  if (options.destroy) args.push("-destroy");
  const { stdout } = await terraform(deployment, stack, args);
  return plannedChanges(stack, parseEvents(stdout), descriptionsOf(deployment, stack));
}

/** `terraform init`, once for each configuration of backend and providers. */
async function initialize(deployment: Deployment, stack: Stack): Promise<void> {
  const data = dataDirectory(deployment, stack);
  const config = JSON.parse(readFileSync(join(stackDirectory(deployment, stack), "cdk.tf.json"), "utf8")) as {
    terraform: unknown;
  };
  const stamp = createHash("sha256").update(JSON.stringify(config.terraform)).digest("hex");
  const stampFile = join(data, "initialized");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  mkdirSync(data, { recursive: true });
  await terraform(deployment, stack, ["init", "-input=false", "-no-color", "-reconfigure"]);
  writeFileSync(stampFile, stamp);
}

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
  const result = await runChild("terraform", [`-chdir=${stackDirectory(deployment, stack)}`, ...args], {
    env,
    ...(onLine && { onLine }),
  }).catch((error: unknown) => {
    if (error instanceof UserError && /not installed/.test(error.message)) {
      throw new UserError("terraform is not installed", "https://developer.hashicorp.com/terraform/install");
    }
    throw error;
  });
  if (result.code === 0) return result;
  throw terraformError(stack, [...events, ...parseEvents(result.stdout)], `${result.stdout}${result.stderr}`);
}

const stackDirectory = ({ paths }: Deployment, stack: Stack): string => join(paths.state, "cdktf.out/stacks", stack);
const dataDirectory = ({ paths }: Deployment, stack: Stack): string => join(paths.state, "terraform", stack);

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

const ACTIONS: Record<string, PlannedChange["action"]> = {
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
};
const WORDS: Record<PlannedChange["action"], string> = {
  create: "create",
  update: "change",
  replace: "make anew",
  delete: "destroy",
};

export function plannedChanges(
  stack: Stack,
  events: readonly TerraformEvent[],
  descriptions: Descriptions,
): PlannedChange[] {
  return events.flatMap(({ type, change }) => {
    if (type !== "planned_change") return [];
    const { action: name, resource } = change as { action: string; resource: { addr: string } };
    const action = ACTIONS[name];
    const { summary = resource.addr, verb } = descriptions[resource.addr] ?? {};
    return action ? [{ stack, address: resource.addr, action, summary: `${verb ?? WORDS[action]} ${summary}` }] : [];
  });
}

export const summarize = (changes: readonly PlannedChange[]): InfrastructurePlan => ({
  changes,
  text: changes.map(({ stack, summary }) => `${stack}: ${summary}`).join("\n"),
});

interface Description {
  readonly summary?: string;
  readonly verb?: string;
}
export type Descriptions = Readonly<Record<string, Description>>;

/** What a stack says of its resources, by address. */
function descriptionsOf(deployment: Deployment, stack: Stack): Descriptions {
  const file = join(stackDirectory(deployment, stack), "cdk.tf.json");
  const { resource = {} } = JSON.parse(readFileSync(file, "utf8")) as {
    resource?: Record<string, Record<string, { "//"?: Description }>>;
  };
  return Object.fromEntries(
    Object.entries(resource).flatMap(([type, byName]) =>
      Object.entries(byName).map(([name, body]) => [`${type}.${name}`, body["//"] ?? {}]),
    ),
  );
}

/** The output of scripts and tools that a resource runs. */
function progressOf({ type, hook }: TerraformEvent): string[] {
  if (type !== "provision_progress") return [];
  const { output } = hook as { output: string };
  return /^Executing: \[/.test(output) || !output.trim() ? [] : [output.trimEnd()];
}

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
  if (/state lock/i.test(message)) {
    const [, who] = /Who:\s+(\S+)/.exec(message) ?? [];
    return new Busy(`the infrastructure is being changed${who ? ` by ${who}` : ""}`, "wait until that has ended");
  }
  if (/unsupported Terraform Core version/i.test(message)) {
    return new UserError("terraform is too old", "https://developer.hashicorp.com/terraform/install");
  }
  const [, script] = /local-exec provisioner error: .*?\. Output:\s*([\s\S]+)$/.exec(message) ?? [];
  return new UserError(
    `terraform failed in the stack ${stack}: ${(script ?? message).trim()}`,
    "mend the cause and run the same verb again: it goes on from there",
  );
}
