import { UserError } from "../base/errors";
import { Command, Result, sh } from "../base/shell";
import type { Host, RunOptions } from "../link/host";

/** Facts and changes run with the same environment, whoever's sudo it is. */
export const ENVIRONMENT = [
  "HOME=/root",
  "LC_ALL=C.UTF-8",
  "TMPDIR=/var/tmp",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "DEBIAN_FRONTEND=noninteractive",
  "NEEDRESTART_SUSPEND=1",
] as const;

/** Runs text as root on the host, in ENVIRONMENT; `text` may read standard input. Needs sudo without a password. */
export async function runAsRoot(
  host: Host,
  text: Command,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Result> {
  const result = await host.run(sh`sudo -n env -i ${ENVIRONMENT} /bin/sh -c ${text.text} sh ${args}`, options);
  if (result.code !== 0 && /^sudo: /m.test(result.stderr)) {
    throw new UserError(
      `${host.name} may not use sudo without a password: ${result.stderr.trim().split("\n")[0]!}`,
      "give the user passwordless sudo: ALL=(ALL) NOPASSWD:ALL in /etc/sudoers.d",
    );
  }
  return result;
}

/** The hint for a disk of the host that is full; undefined where the error is another. */
export const spaceHint = (stderr: string): string | undefined =>
  /no space left/i.test(stderr) ? "free some space on the host, then run the same verb again" : undefined;
