import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import { duration } from "../base/text";
import type { HostOutput } from "../link/outputs";
import type { HostKeySource } from "./infrastructure";

/** The host's public SSH keys, `type base64`, read without the network that they protect. Waits for the boot. */
export async function learnHostKeys(
  { screen, signals }: Context,
  { read, seconds, pause, hint }: Omit<HostKeySource, "forgets">,
  host: HostOutput,
): Promise<string[]> {
  const started = Date.now();
  for (;;) {
    signals.stopIfHeld();
    const keys = await read(host);
    if (keys.length > 0) return keys;
    const waited = (Date.now() - started) / 1000;
    if (waited > seconds) {
      throw new UserError(`the host ${host.id} has not shown its SSH host key after ${duration(waited)}`, hint);
    }
    screen.status(`waiting for the host to show its SSH host key, ${duration(waited)} …`);
    await sleep(pause * 1000);
  }
}

export const NO_CONSOLE =
  "run make infrastructure again; if the console stays empty, read /etc/ssh/ssh_host_ed25519_key.pub in another safe way " +
  "(EC2's serial console, Session Manager) and add it with the host's address and id to deployments/<name>.known_hosts";

const BEGIN = "-----BEGIN SSH HOST KEY KEYS-----";
const END = "-----END SSH HOST KEY KEYS-----";

/**
 * The keys in the newest complete block that cloud-init printed. They can be trusted: only root can write to a console.
 * @throws UserError if that block holds no valid key
 */
export function keysOfConsole(console: string): string[] {
  const end = console.lastIndexOf(END);
  const begin = end < 0 ? -1 : console.lastIndexOf(BEGIN, end);
  if (begin < 0) return [];
  // The kernel may write messages between these lines, and a log may put the time before them.
  const found = console
    .slice(begin + BEGIN.length, end)
    .matchAll(/(ssh-\S+|ecdsa-\S+)\s+([A-Za-z0-9+/]+={0,3})(?=\s|$)/gm);
  const keys = [...found].filter(([, type, blob]) => isKey(type!, blob!)).map(([, type, blob]) => `${type} ${blob}`);
  if (keys.length > 0) return [...new Set(keys)];
  throw new UserError(
    `the console shows no valid SSH host key between cloud-init's marks: ${console.slice(begin, end).trim().slice(0, 200)}`,
    NO_CONSOLE,
  );
}

/** Whether the blob begins with its own type, and at least 32 bytes follow. */
function isKey(type: string, blob: string): boolean {
  const bytes = Buffer.from(blob, "base64");
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : -1;
  return bytes.toString("latin1", 4, 4 + length) === type && bytes.length > 4 + length + 32 - 1;
}
