import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { pullBackup } from "./backups/pull";
import type { Context } from "./base/context";
import { Interrupted, UserError } from "./base/errors";
import { duration, size } from "./base/text";
import { authorOf, changeHost, planHost } from "./change/change-host";
import type { Deployment } from "./deployment/deployment";
import { openSecrets, secretsIn } from "./deployment/secrets-file";
import type { Host } from "./link/host";
import { onMainHost } from "./link/main-host";
import { readOutputs } from "./link/outputs";
import { identityOf } from "./release/make-wanted";
import { readTemplate } from "./release/templates";
import { runScript } from "./script";
import { BackupWanted, backup, backupCopy } from "./steps/backup";
import { clock } from "./steps/clock";

/** A backup takes what runs on the host. The deployment file and the templates may want something else by now. */
runScript(async (deployment, context) => {
  const { screen, signals } = context;
  const started = Date.now();
  const opened = await openSecrets(deployment);
  const identity = identityOf(deployment, secretsIn(opened));
  // Not the operators of the deployment file: they may have changed since the secrets were encrypted.
  const recipients = opened.encryptedTo!.map(({ recipient }) => recipient);
  if (recipients.length === 0) {
    throw new UserError(
      `${opened.source} does not say who can read it: nobody knows who may read a backup`,
      "run make provision, which encrypts the secrets again",
    );
  }
  await onMainHost(deployment, async (host) => {
    const wanted = {
      identity,
      encryptedSecrets: opened.encrypted!,
      keep: deployment.backup.keep,
      scripts: { "helper.py": readTemplate("backup/helper.py"), "rows.awk": readTemplate("backup/rows.awk") },
    };
    const found = await planHost<BackupWanted & { clock: number }>(context, host, [clock, backup], {
      ...wanted,
      clock: Date.now() / 1000,
    });
    const id = await changeHost(context, host, found, authorOf("backup"));
    screen.say("  pulling the backup");
    const interrupted = () =>
      new Interrupted("interrupted: the backup is on the host, but not here", "run make backup again");
    const target = { id: id!, directory: deployment.paths.backups, recipients };
    const folder = await signals.thenThrow(interrupted, (stop) => pullBackup(host, target, stop));
    const took = duration((Date.now() - started) / 1000);
    screen.print(`backup ${folder} (${size(sizeOf(folder))}), verified and encrypted, in ${took}`);
    await copyToBucket(context, host, id!, deployment);
  });
});

/** Copies the backup into the bucket, if there is one. It was pulled before, so a failure of the copy loses nothing. */
async function copyToBucket(context: Context, host: Host, id: string, deployment: Deployment): Promise<void> {
  const { backupBucket } = readOutputs(deployment);
  if (!backupBucket || !deployment.aws) return;
  const { account: owner, region } = deployment.aws;
  const copy = { id, bucket: backupBucket, owner, region, script: readTemplate("aws/host.py") };
  await changeHost(context, host, await planHost(context, host, [backupCopy], copy), authorOf("backup"));
}

const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
