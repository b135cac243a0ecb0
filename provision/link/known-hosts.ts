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

/** The name of a host in OpenSSH's known_hosts: `address`, or `[address]:port` if the port is not 22. */
export const knownHostName = ({ address, port }: Pick<HostOutput, "address" | "port">): string =>
  port === 22 ? address : `[${address}]:${port}`;

/** The pinned keys of a host. @throws UserError if none is pinned: no host is trusted on first use */
export function pinnedKeys(deployment: Deployment, host: HostOutput): HostKey[] {
  const keys = readPins(deployment).flatMap(({ name, id, type, key }) =>
    name === knownHostName(host) && id === host.id ? [{ type, key: Buffer.from(key, "base64") }] : [],
  );
  if (keys.length > 0) return keys;
  throw new UserError(`no SSH host key is pinned for ${knownHostName(host)} (${host.id})`, "run make infrastructure");
}

/** The keys that are pinned for this address and id, as `type base64`. */
export const pinsOf = (deployment: Deployment, host: HostOutput): string[] =>
  readPins(deployment)
    .filter(({ name, id }) => name === knownHostName(host) && id === host.id)
    .map(({ type, key }) => `${type} ${key}`);

/** Pins the keys that a host has shown. @throws UserError if other keys are pinned for the same address and id */
export function pinNewHost(deployment: Deployment, host: HostOutput, keys: readonly string[]): void {
  const known = pinsOf(deployment, host);
  if (known.length === 0) return pinHost(deployment, host, keys);
  if (known.some((key) => keys.includes(key))) return;
  throw new UserError(
    `the SSH host key of ${loginOf(host)} (${host.id}) is not the one that is pinned`,
    `somebody may have replaced the key; if you did it yourself, delete the host's line in ${deployment.paths.knownHosts}`,
  );
}

/** Replaces the keys (`type base64`) that are pinned for this host's address. Each line ends with the host's id. */
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
    const { message } = error as Error;
    throw new UserError(
      `cannot read the pinned host keys in ${deployment.paths.knownHosts}: ${message}`,
      "mend that file",
      {
        cause: error,
      },
    );
  }
  return text.split("\n").flatMap((line) => {
    const [name, type, key, id] = line.trim().split(/\s+/);
    return name && type && key && !name.startsWith("#") ? [{ name, type, key, id: id ?? "" }] : [];
  });
}
