import { linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runChild } from "../base/child";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import { isThere, makeKeyFolder } from "./key-files";

/**
 * Makes what is missing of an SSH key, and never touches a half that is there: the private one may be in an agent, or on
 * a stick that is away. @returns what it did, for the operator @throws UserError if ssh-keygen fails
 */
export async function completeSshKey(context: Context, file: string, comment: string): Promise<string> {
  if (isThere(`${file}.pub`))
    return `kept ${file}.pub: its private half is not at ${file}, so it is in ssh-agent, or away`;
  if (isThere(file)) {
    const { code, stdout, stderr } = await runChild(context, "ssh-keygen", ["-y", "-P", "", "-f", file]);
    if (code !== 0)
      throw new UserError(
        `cannot read the public half of ${file}: ${stderr.trim()}`,
        `write it by hand: ssh-keygen -y -f ${file} > ${file}.pub`,
      );
    writeFileSync(`${file}.pub`, stdout, { flag: "wx" });
    return `created ${file}.pub, from its private half`;
  }
  await makePair(context, file, comment);
  return `created ${file}`;
}

/** Uses ssh-keygen: of the ed25519 keys that Node makes, one in 200 is corrupt in OpenSSH's format. */
async function makePair(context: Context, file: string, comment: string): Promise<void> {
  makeKeyFolder(file);
  const work = mkdtempSync(join(dirname(file), ".new-"));
  try {
    const key = join(work, "key");
    const words = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key];
    const { code, stderr } = await runChild(context, "ssh-keygen", words);
    if (code !== 0) throw new UserError(`ssh-keygen failed: ${stderr.trim()}`);
    // A link fails if the name is taken: a private key is never overwritten, not even by two make keypair at once.
    for (const [from, to] of [
      [`${key}.pub`, `${file}.pub`],
      [key, file],
    ] as const)
      linkNew(from, to);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function linkNew(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new UserError(`${to} has come meanwhile: it stays as it is`, "does another make keypair run?", { cause });
  }
}
