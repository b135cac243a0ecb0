import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  writeSync,
  linkSync,
  mkdtempSync,
  rmSync,
  readFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { generateIdentity, recipientOf } from "./age";
import { runChild } from "./child";
import type { Deployment } from "./deployment";
import { UserError } from "./errors";
import { print, say } from "./output";
import { runScript } from "./script";

runScript(async (deployment) => {
  const { sshKey, ageIdentity } = deployment.paths;
  const made = [
    ...(existsSync(sshKey) ? [] : [await makeSshKey(deployment, sshKey)]),
    ...(existsSync(ageIdentity) ? [] : [await makeAgeIdentity(ageIdentity)]),
  ];
  if (made.length === 0)
    throw new UserError(`the keys already exist: ${sshKey}, ${ageIdentity}`, "they are never overwritten");
  for (const file of made) say(`created ${file}`);
  print(readFileSync(`${sshKey}.pub`, "utf8").trim());
  print(await recipientOf(readFileSync(ageIdentity, "utf8")));
});

/** ssh-keygen makes it: Node's own ed25519 keys are corrupt in OpenSSH's format once in 200. */
async function makeSshKey({ name }: Deployment, file: string): Promise<string> {
  makeKeyFolder(file);
  const work = mkdtempSync(join(dirname(file), ".new-"));
  try {
    const key = join(work, "key");
    const { code, stderr } = await runChild("ssh-keygen", [
      "-q",
      "-t",
      "ed25519",
      "-N",
      "",
      "-C",
      `airflow-${name}`,
      "-f",
      key,
    ]);
    if (code !== 0) throw new UserError(`ssh-keygen failed: ${stderr.trim()}`);
    // A link fails where the name is taken: nothing is ever overwritten, not even by a second keypair at the same time.
    rmSync(`${file}.pub`, { force: true });
    linkSync(`${key}.pub`, `${file}.pub`);
    linkSync(key, file);
  } finally {
    rmSync(work, { recursive: true });
  }
  return file;
}

async function makeAgeIdentity(file: string): Promise<string> {
  makeKeyFolder(file);
  const identity = await generateIdentity();
  const descriptor = openSync(file, "wx", 0o600);
  writeSync(descriptor, `# public key: ${await recipientOf(identity)}\n${identity}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return file;
}

function makeKeyFolder(file: string): void {
  if (existsSync(dirname(file))) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  chmodSync(dirname(file), 0o700);
}
