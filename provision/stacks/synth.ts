import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "../base/child";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";
import { ROOT } from "../deployment/paths";
import { stackDirectory } from "./folders";
import type { Descriptions, Stack } from "./planned-changes";

/** What a synth leaves out so that a destruction can be planned. */
export interface SynthOptions {
  /** No resource is protected from being destroyed. */
  readonly UNPROTECTED?: "1";
  /** The data stack on AWS holds only the backups and their key, which outlive a teardown. */
  readonly WITHOUT_DATA?: "1";
}

/** Lets cdktf write the stacks' configuration, from the deployment file and from what exists on this machine. */
export async function synthesize(context: Context, deployment: Deployment, options: SynthOptions): Promise<void> {
  const { UNPROTECTED: _, WITHOUT_DATA: __, ...inherited } = process.env;
  const env = { ...inherited, ...options, DEPLOYMENT: deployment.name, CHECKPOINT_DISABLE: "1" };
  // This is faster here than --require tsx/cjs, because the provider's bindings are many files.
  const args = ["--import", "tsx", join(ROOT, "infra/main.ts")];
  const { code, stderr } = await runChild(context, process.execPath, args, { env, cwd: ROOT });
  if (code === 0) return;
  // The child prints `error:` and `hint:` as every verb does: its error becomes this verb's error.
  const [, message] = /^error: (.*)$/m.exec(stderr) ?? [];
  const [, hint] = /^hint: (.*)$/m.exec(stderr) ?? [];
  throw message ? new UserError(message, hint) : new Error(`infra/main.ts failed:\n${stderr}`);
}

/** The configuration that synth wrote, as far as this project reads it. */
interface Configuration {
  readonly terraform: unknown;
  readonly variable?: Readonly<Record<string, unknown>>;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, Resource>>>>;
}

interface Resource {
  readonly "//"?: Descriptions[string];
  /** Addresses. */
  readonly depends_on?: readonly string[];
}

export const configuration = (deployment: Deployment, stack: Stack): Configuration =>
  JSON.parse(readFileSync(join(stackDirectory(deployment, stack), "cdk.tf.json"), "utf8"));

/** The configuration of each stack for Terraform, as a JSON object. */
export async function stackConfigurations(
  context: Context,
  deployment: Deployment,
): Promise<Readonly<Record<Stack, object>>> {
  await synthesize(context, deployment, {});
  return { data: configuration(deployment, "data"), host: configuration(deployment, "host") };
}

/** The words that a stack gives to its own resources, by address; each comes after those that it depends on. */
export function descriptionsOf(deployment: Deployment, stack: Stack): Descriptions {
  const { resource = {} } = configuration(deployment, stack);
  const bodies = new Map<string, Resource>(
    Object.entries(resource).flatMap(([type, byName]) =>
      Object.entries(byName).map(([name, body]) => [`${type}.${name}`, body] as const),
    ),
  );
  const ordered = new Set<string>();
  const visit = (address: string): void => {
    if (ordered.has(address)) return;
    for (const needed of bodies.get(address)?.depends_on ?? []) visit(needed);
    ordered.add(address);
  };
  for (const address of bodies.keys()) visit(address);
  return Object.fromEntries([...ordered].map((address) => [address, bodies.get(address)?.["//"] ?? {}]));
}
