import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../base/child";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";
import { ROOT } from "../deployment/paths";
import type { Descriptions, Stack } from "./plan-text";

/** What a second, deliberate synth may leave out, once it is known what that destroys. */
export interface SynthOptions {
  /** Nothing is protected from its destruction. */
  readonly UNPROTECTED?: "1";
  /** A deployment on AWS that is torn down keeps its backups and their key. */
  readonly WITHOUT_DATA?: "1";
}

/** Writes the stacks' configuration: what cdktf makes of the deployment and of what is there. */
export async function synthesize(context: Context, deployment: Deployment, options: SynthOptions): Promise<void> {
  const { UNPROTECTED: _, WITHOUT_DATA: __, ...inherited } = process.env;
  const env = { ...inherited, ...options, DEPLOYMENT: deployment.name, CHECKPOINT_DISABLE: "1" };
  // Quicker here than --require tsx/cjs: the provider's bindings are many files.
  const args = ["--import", "tsx", join(ROOT, "infra/main.ts")];
  const { code, stderr } = await runChild(context, process.execPath, args, { env });
  if (code === 0) return;
  // The child reports as every script does; its error becomes ours.
  const [, message] = /^error: (.*)$/m.exec(stderr) ?? [];
  const [, hint] = /^hint: (.*)$/m.exec(stderr) ?? [];
  throw message ? new UserError(message, hint) : new Error(`infra/main.ts failed:\n${stderr}`);
}

/** What synth wrote, as far as it is read here. */
interface Configuration {
  readonly terraform: unknown;
  readonly variable?: Readonly<Record<string, unknown>>;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, { readonly "//"?: Descriptions[string] }>>>>;
}

export const stackDirectory = ({ paths }: Deployment, stack: Stack): string =>
  join(paths.state, "cdktf.out/stacks", stack);

export const configuration = (deployment: Deployment, stack: Stack): Configuration =>
  JSON.parse(readFileSync(join(stackDirectory(deployment, stack), "cdk.tf.json"), "utf8"));

/** What Terraform is given of each stack, as JSON. */
export async function stackConfigurations(
  context: Context,
  deployment: Deployment,
): Promise<Readonly<Record<Stack, object>>> {
  await synthesize(context, deployment, {});
  return { data: configuration(deployment, "data"), host: configuration(deployment, "host") };
}

/** What a stack says of its resources, by address. */
export function descriptionsOf(deployment: Deployment, stack: Stack): Descriptions {
  const { resource = {} } = configuration(deployment, stack);
  return Object.fromEntries(
    Object.entries(resource).flatMap(([type, byName]) =>
      Object.entries(byName).map(([name, body]) => [`${type}.${name}`, body["//"] ?? {}]),
    ),
  );
}
