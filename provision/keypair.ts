import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { encrypt, generateIdentity, recipientOf } from "./deployment/age";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { isThere, makeKeyFolder, refuseNamedAndAway } from "./local/key-files";
import { completeSshKey } from "./local/ssh-keypair";
import { runScript } from "./script";

runScript(async (deployment, context) => {
  const { screen } = context;
  const { sshKey, ageIdentity, recovery, secrets } = deployment.paths;
  refuseNamedAndAway("AIRFLOW_SSH_KEY", sshKey);
  refuseNamedAndAway("AIRFLOW_AGE_IDENTITY", ageIdentity);
  const wanted: [files: string[], make: () => Promise<string>][] = [
    [[sshKey, `${sshKey}.pub`], () => completeSshKey(context, sshKey, `airflow-${deployment.name}`)],
    [[ageIdentity], () => makeAgeIdentity(ageIdentity)],
  ];
  // If there are secrets, there is a recovery recipient: another one here would take its place.
  const isJoining = existsSync(secrets) && !process.env["RECOVERY_RECIPIENT"];
  if (deployment.wantsRecovery && !isJoining) wanted.push([[recovery], () => keepRecoveryRecipient(context, recovery)]);
  else if (deployment.wantsRecovery && !existsSync(recovery))
    screen.advise(`${recovery} is missing: it is committed beside the secrets, pull it before you run make provision`);
  const missing = wanted.filter(([files]) => !files.every(isThere));
  if (missing.length === 0) {
    throw new UserError(`the keys already exist: ${sshKey}, ${ageIdentity}`, "they are never overwritten");
  }
  for (const [, make] of missing) screen.say(await make());
  if (existsSync(`${sshKey}.pub`)) screen.print(readFileSync(`${sshKey}.pub`, "utf8").trim());
  if (existsSync(ageIdentity)) screen.print(await recipientOf(readFileSync(ageIdentity, "utf8")));
});

async function makeAgeIdentity(file: string): Promise<string> {
  makeKeyFolder(file);
  const identity = await generateIdentity();
  const descriptor = openSync(file, "wx", 0o600);
  writeSync(descriptor, `# public key: ${await recipientOf(identity)}\n${identity}\n`);
  fsyncSync(descriptor);
  closeSync(descriptor);
  return `created ${file}`;
}

/** Stores a second recipient, whose identity is kept offline: it still reads the secrets after a laptop is lost. */
async function keepRecoveryRecipient({ screen }: Context, file: string): Promise<string> {
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
  return `created ${file}`;
}
