import { UserError } from "../base/errors";
import { Command, Result, sh } from "../base/shell";
import type { Host, RunOptions } from "../link/host";

/** The environment of facts and changes, the same whatever the host's sudo passes on. */
export const ENVIRONMENT = [
  "HOME=/root",
  "LC_ALL=C.UTF-8",
  "TMPDIR=/var/tmp",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "DEBIAN_FRONTEND=noninteractive",
  "NEEDRESTART_SUSPEND=1",
] as const;

/** Runs a script as root on the host, in ENVIRONMENT; it may read standard input. @throws UserError if sudo asks for a password */
export async function runAsRoot(
  host: Host,
  text: Command,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Result> {
  const result = await host.run(sh`sudo -n env -i ${ENVIRONMENT} /bin/sh -c ${text.text} sh ${args}`, options);
  if (result.code !== 0 && SUDO_SPEAKS.test(result.stderr)) await mustHaveSudo(host);
  return result;
}

/** sudo says in its own name that it refuses, and also warnings beside a command that it did run ("unable to resolve host"). */
const SUDO_SPEAKS = /\bsudo\b/;

/** Asks sudo itself, since its messages do not tell a refusal from a warning. @throws UserError if it refuses */
async function mustHaveSudo(host: Host): Promise<void> {
  const { code, stderr } = await host.run(sh`sudo -n true`);
  if (code <= 0) return;
  throw new UserError(
    `${host.name} may not use sudo without a password: ${stderr.trim().split("\n").at(-1)!}`,
    "give the user passwordless sudo: ALL=(ALL) NOPASSWD:ALL in /etc/sudoers.d",
  );
}

/** The hint if an error says that a disk of the host is full; undefined for any other error. */
export const spaceHint = (stderr: string): string | undefined =>
  /no space left/i.test(stderr) ? "free some space on the host, then run the same verb again" : undefined;
