import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { encrypt, generateIdentity, recipientOf } from "./deployment/age";
import { runChild } from "./base/child";
import type { Deployment } from "./deployment/deployment";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { runScript } from "./script";

runScript(async (deployment, context) => {
  const { screen } = context;
  const { sshKey, ageIdentity, recovery, secrets } = deployment.paths;
  const wanted: [file: string, make: (file: string) => Promise<void>][] = [
    [sshKey, (file) => makeSshKey(context, deployment, file)],
    [ageIdentity, makeAgeIdentity],
  ];
  // Where there are secrets, there is a recovery recipient: another one here would take its place.
  const isJoining = existsSync(secrets) && !process.env["RECOVERY_RECIPIENT"];
  if (deployment.wantsRecovery && !isJoining) wanted.push([recovery, (file) => keepRecoveryRecipient(context, file)]);
  else if (deployment.wantsRecovery && !existsSync(recovery))
    screen.say(`${recovery} is missing: it is committed beside the secrets, pull it before you run make provision`);
  const missing = wanted.filter(([file]) => !existsSync(file));
  if (missing.length === 0) {
    throw new UserError(`the keys already exist: ${sshKey}, ${ageIdentity}`, "they are never overwritten");
  }
  for (const [file, make] of missing) {
    await make(file);
    screen.say(`created ${file}`);
  }
  if (existsSync(`${sshKey}.pub`)) screen.print(readFileSync(`${sshKey}.pub`, "utf8").trim());
  screen.print(await recipientOf(readFileSync(ageIdentity, "utf8")));
});

/** Uses ssh-keygen: of the ed25519 keys that Node makes, one in 200 is corrupt in OpenSSH's format. */
async function makeSshKey(context: Context, { name }: Deployment, file: string): Promise<void> {
  makeKeyFolder(file);
  const work = mkdtempSync(join(dirname(file), ".new-"));
  try {
    const key = join(work, "key");
    const { code, stderr } = await runChild(context, "ssh-keygen", [
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
    // A link fails if the name is taken: a private key is never overwritten, not even by two make keypair at once.
    rmSync(`${file}.pub`, { force: true });
    linkSync(`${key}.pub`, `${file}.pub`);
    linkSync(key, file);
  } finally {
    rmSync(work, { recursive: true });
  }
}

async function makeAgeIdentity(file: string): Promise<void> {
  makeKeyFolder(file);
  const identity = await generateIdentity();
  const descriptor = openSync(file, "wx", 0o600);
  writeSync(descriptor, `# public key: ${await recipientOf(identity)}\n${identity}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Stores a second recipient, whose identity is kept offline: it still reads the secrets after a laptop is lost. */
async function keepRecoveryRecipient({ screen }: Context, file: string): Promise<void> {
  const hint =
    "make one on another machine with age-keygen, keep its identity offline, and set RECOVERY_RECIPIENT=age1…";
  const given = process.env["RECOVERY_RECIPIENT"];
  if (!given && !screen.canAsk()) throw new UserError("there is no recovery recipient for the secrets", hint);
  const recipient = (
    given ?? (await screen.ask("recovery recipient (age1…), whose identity you keep offline: "))
  ).trim();
  await encrypt("", [recipient]);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${recipient}\n`, { flag: "wx" });
}

function makeKeyFolder(file: string): void {
  if (existsSync(dirname(file))) return;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  chmodSync(dirname(file), 0o700);
}
