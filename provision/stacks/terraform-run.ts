import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChildResult, runChild } from "../base/child";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import { duration } from "../base/text";
import type { Deployment } from "../deployment/deployment";
import { dataDirectory, stackDirectory, terraformProgram } from "./folders";
import type { Stack } from "./planned-changes";
import { configuration } from "./synth";
import { TerraformEvent, parseEvents, terraformError, tooOldOrMissing } from "./terraform-errors";

export interface TerraformOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Gets a line for each resource that took a second or longer, and each line that a resource's script prints. */
  readonly onProgress?: (line: string) => void;
}

/** Runs terraform in a stack's directory. @throws UserError with terraform's own message if it fails */
export async function terraform(
  context: Context,
  deployment: Deployment,
  stack: Stack,
  args: readonly string[],
  { env: more, onProgress }: TerraformOptions = {},
): Promise<ChildResult> {
  const env = {
    ...process.env,
    ...more,
    TF_DATA_DIR: dataDirectory(deployment, stack),
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
  };
  const events: TerraformEvent[] = [];
  const onLine = (line: string): void => {
    const event = parseEvents(line);
    events.push(...event);
    event.flatMap(progressOf).forEach((text) => onProgress!(text));
  };
  const program = terraformProgram();
  const result = await runChild(context, program, [`-chdir=${stackDirectory(deployment, stack)}`, ...args], {
    env,
    isShielded: true,
    ...(onProgress && { onLine }),
  }).catch((error: unknown) => {
    throw error instanceof UserError && /not installed/.test(error.message)
      ? tooOldOrMissing("is not installed")
      : error;
  });
  if (result.code === 0) return result;
  throw terraformError(
    deployment,
    stack,
    [...events, ...parseEvents(result.stdout)],
    `${result.stdout}${result.stderr}`,
  );
}

/** Runs `terraform init`, but only if the configuration of backend and providers has changed since the last time. */
export async function initialize(context: Context, deployment: Deployment, stack: Stack): Promise<void> {
  const data = dataDirectory(deployment, stack);
  const kept = deployment.paths.providerLock;
  // Each synth clears the stack's folder, so the providers' hashes are kept beside the deployment file, for the team.
  const inUse = join(stackDirectory(deployment, stack), ".terraform.lock.hcl");
  if (kept && existsSync(kept)) copyFileSync(kept, inUse);
  const stamp = createHash("sha256")
    .update(JSON.stringify(configuration(deployment, stack).terraform))
    .digest("hex");
  const stampFile = join(data, "initialized");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  mkdirSync(data, { recursive: true });
  await terraform(context, deployment, stack, ["init", "-input=false", "-no-color", "-reconfigure"]);
  if (kept && existsSync(inUse)) copyFileSync(inUse, kept);
  writeFileSync(stampFile, stamp);
}

/** A stack's outputs, by name. */
export async function readStackOutputs(
  context: Context,
  deployment: Deployment,
  stack: Stack,
): Promise<Record<string, unknown>> {
  const { stdout } = await terraform(context, deployment, stack, ["output", "-json"]);
  const outputs = parseDocument(stdout) as Record<string, { value: unknown }>;
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
}

/** Parses one JSON object. OpenTofu may write warnings about its own configuration before it. */
export const parseDocument = (text: string): unknown => JSON.parse(text.slice(Math.max(0, text.search(/^\{/m))));

interface Hook {
  readonly output?: string;
  readonly resource?: { readonly addr: string; readonly resource_type: string };
  readonly action?: string;
  readonly elapsed_seconds?: number;
}

/** What to show of an event: how long a resource took if it was a second or longer, or a line of its script. */
function progressOf({ type, hook }: TerraformEvent): string[] {
  const { output = "", resource, action, elapsed_seconds = 0 } = (hook ?? {}) as Hook;
  if (type === "apply_complete" && elapsed_seconds >= 1 && resource?.resource_type !== "terraform_data")
    return [`${action} ${resource?.addr}: ${duration(elapsed_seconds)}`];
  if (type !== "provision_progress") return [];
  return /^Executing: \[/.test(output) || !output.trim() ? [] : [output.trimEnd()];
}
