import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { HostOutput, loginOf } from "./outputs";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

export interface HostKey {
  /** `ssh-ed25519` and the like. */
  readonly type: string;
  readonly key: Buffer;
}

/** How OpenSSH's known_hosts names a host: a port other than 22 goes in brackets. */
export const knownHostName = ({ address, port }: Pick<HostOutput, "address" | "port">): string =>
  port === 22 ? address : `[${address}]:${port}`;

/** The pinned keys of a host, never empty. Throws a UserError where nothing is pinned: there is no trust on first use. */
export function pinnedKeys(deployment: Deployment, host: HostOutput): HostKey[] {
  const keys = readPins(deployment).flatMap(({ name, id, type, key }) =>
    name === knownHostName(host) && id === host.id ? [{ type, key: Buffer.from(key, "base64") }] : [],
  );
  if (keys.length > 0) return keys;
  throw new UserError(`no SSH host key is pinned for ${knownHostName(host)} (${host.id})`, "run make infrastructure");
}

/** The pinned keys of this very host, `type base64`. */
export const pinsOf = (deployment: Deployment, host: HostOutput): string[] =>
  readPins(deployment)
    .filter(({ name, id }) => name === knownHostName(host) && id === host.id)
    .map(({ type, key }) => `${type} ${key}`);

/** Pins the keys that a host has shown. @throws UserError if this very host has others pinned */
export function pinNewHost(deployment: Deployment, host: HostOutput, keys: readonly string[]): void {
  const known = pinsOf(deployment, host);
  if (known.length === 0) return pinHost(deployment, host, keys);
  if (known.some((key) => keys.includes(key))) return;
  throw new UserError(
    `the SSH host key of ${loginOf(host)} (${host.id}) is not the one that is pinned`,
    `somebody may have replaced it; if you did, delete its line in ${deployment.paths.knownHosts}`,
  );
}

/** Replaces what is pinned for this host's address; keys as `type base64`. Lines carry the host's id as their comment. */
export function pinHost(deployment: Deployment, host: HostOutput, keys: readonly string[]): void {
  const others = readPins(deployment).filter(({ name }) => name !== knownHostName(host));
  const text = [
    ...others.map(({ name, type, key, id }) => `${name} ${type} ${key} ${id}`),
    ...keys.map((key) => `${knownHostName(host)} ${key} ${host.id}`),
  ].join("\n");
  const file = deployment.paths.knownHosts;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, `${text}\n`, { mode: 0o644 });
  renameSync(`${file}.tmp`, file);
}

export function readPins(deployment: Deployment): { name: string; type: string; key: string; id: string }[] {
  let text: string;
  try {
    text = readFileSync(deployment.paths.knownHosts, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").flatMap((line) => {
    const [name, type, key, id] = line.trim().split(/\s+/);
    return name && type && key && !name.startsWith("#") ? [{ name, type, key, id: id ?? "" }] : [];
  });
}
