import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { runChild } from "../base/child";
import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

/** The names of a local deployment's container and volumes in this machine's Docker. */
export interface LocalNames {
  readonly host: string;
  readonly dataVolume: string;
  readonly engineVolume: string;
}

/** A local host that exists, running or not. */
export interface LocalHost {
  /** The random id of this container: one that is made again has another. */
  readonly instance: string;
  readonly running: boolean;
  readonly port: number;
  readonly privateAddress: string;
  readonly created: Date;
}

/** The names hold a hash of the path of the deployment's state, so that two clones have different ones. */
export function localNames({ name, paths }: Pick<Deployment, "name" | "paths">): LocalNames {
  const host = `airflow-${name}-${createHash("sha256").update(resolve(paths.state)).digest("hex").slice(0, 8)}`;
  return { host, dataVolume: `${host}-data`, engineVolume: `${host}-engine` };
}

/** The deployment's host on this machine, if there is one. */
export async function readLocalHost(context: Context, names: LocalNames): Promise<LocalHost | undefined> {
  const [container] = await inspect<Container>(context, "container", names.host);
  if (!container) return undefined;
  const port = container.HostConfig.PortBindings["22/tcp"]?.[0]?.HostPort;
  return {
    instance: container.Config.Labels["airflow.instance"] ?? "",
    running: container.State.Running,
    port: Number(port ?? 0),
    privateAddress: container.NetworkSettings.Networks["bridge"]?.IPAddress ?? "",
    created: new Date(container.Created),
  };
}

export interface LocalVolume {
  readonly name: string;
  readonly instance: string;
  readonly created: Date;
}

export const readLocalVolume = async (context: Context, name: string): Promise<LocalVolume | undefined> =>
  (await inspect<Volume>(context, "volume", name)).map((volume) => ({
    name,
    instance: volume.Labels?.["airflow.instance"] ?? "",
    created: new Date(volume.Labels?.["airflow.created"] ?? volume.CreatedAt),
  }))[0];

/** Bytes in each of these volumes; those that do not exist are left out. */
export async function volumeSizes(context: Context, names: readonly string[]): Promise<Map<string, number>> {
  const { stdout } = await docker(context, "system", "df", "--verbose", "--format", "{{ json .Volumes }}");
  const volumes = JSON.parse(stdout || "[]") as { Name: string; Size: string }[];
  return new Map(volumes.filter(({ Name }) => names.includes(Name)).map(({ Name, Size }) => [Name, bytes(Size)]));
}

/** The host's public SSH keys, `type base64`, read from its disk without any network; empty while it is booting. */
export async function readLocalHostKeys(context: Context, names: LocalNames): Promise<string[]> {
  const { code, stdout } = await runChild(context, "docker", [
    "exec",
    names.host,
    "cat",
    "/etc/ssh/ssh_host_ed25519_key.pub",
  ]);
  return code === 0
    ? stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" ").slice(0, 2).join(" "))
    : [];
}

/** Removes what Terraform's state does not hold: the rest of an interrupted creation, or of a lost state. */
export async function removeLocal(
  context: Context,
  names: LocalNames,
  { data }: { readonly data: boolean },
): Promise<void> {
  if ((await inspect(context, "container", names.host)).length > 0)
    await docker(context, "rm", "--force", "--volumes", names.host);
  for (const volume of [names.engineVolume, ...(data ? [names.dataVolume] : [])]) {
    if ((await inspect(context, "volume", volume)).length > 0) await docker(context, "volume", "rm", volume);
  }
}

/** Runs docker. @throws UserError if it fails */
export async function docker(context: Context, ...args: string[]): Promise<{ stdout: string }> {
  const result = await runChild(context, "docker", args);
  if (result.code === 0) return result;
  throw dockerError(result.stderr);
}

async function inspect<T>(context: Context, kind: "container" | "volume", name: string): Promise<T[]> {
  const { code, stdout, stderr } = await runChild(context, "docker", [kind, "inspect", name]);
  if (code === 0) return JSON.parse(stdout) as T[];
  if (/no such (container|volume)/i.test(stderr)) return [];
  throw dockerError(stderr);
}

const dockerError = (stderr: string): UserError =>
  /cannot connect|permission denied|is the docker daemon running/i.test(stderr)
    ? new UserError("this machine's Docker does not answer", "run make setup")
    : new UserError(`docker failed: ${stderr.trim()}`);

/** Parses a size as Docker writes it: `1.5GB`, by powers of ten. */
export function bytes(text: string): number {
  const [, number, unit] = /^([\d.]+)\s*([kMGT]?)B$/.exec(text) ?? [];
  return Math.round(Number(number ?? 0) * 1000 ** ["", "k", "M", "G", "T"].indexOf(unit ?? ""));
}

interface Container {
  readonly Created: string;
  readonly State: { readonly Running: boolean };
  readonly Config: { readonly Labels: Record<string, string> };
  readonly HostConfig: { readonly PortBindings: Record<string, { HostPort: string }[]> };
  readonly NetworkSettings: { readonly Networks: Record<string, { IPAddress: string }> };
}

interface Volume {
  readonly CreatedAt: string;
  readonly Labels: Record<string, string> | null;
}
