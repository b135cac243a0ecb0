import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import type { Deployment } from "./deployment/deployment";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import type { Host } from "./link/host";
import { authorOf, changeHost, planHost } from "./change/host-plan";
import { mainHost, onMainHost } from "./link/main-host";
import { duration, size } from "./base/text";
import { readOutputs } from "./link/outputs";
import { prepare } from "./release/prepare";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";
import { sh } from "./base/shell";
import { BACKUPS, BackupWanted, backup, backupCopy } from "./steps/backup";
import { clock } from "./steps/clock";
import { readTemplate } from "./release/templates";

runScript(async (deployment, context) => {
  const { screen } = context;
  const started = Date.now();
  const { identity, images } = prepare(deployment, await readSecrets(deployment), mainHost(deployment));
  const encryptedSecrets = readFileSync(deployment.paths.secrets);
  await onMainHost(deployment, async (host) => {
    const { keep } = deployment.backup;
    const wanted = { identity, encryptedSecrets, keep, airflowImage: images.airflow };
    const found = await planHost<BackupWanted & { clock: number }>(context, host, [clock, backup], {
      ...wanted,
      clock: Date.now() / 1000,
    });
    const id = await changeHost(context, host, found, authorOf("backup"));
    screen.say("  pulling the backup");
    const folder = await pull(host, id!, deployment);
    screen.print(`backup ${folder} (${size(sizeOf(folder))}), verified, in ${duration((Date.now() - started) / 1000)}`);
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

/** Pulls a backup and verifies the sha256 sums of its manifest. Only then the folder gets its name. */
async function pull(host: Host, id: string, { paths }: Deployment): Promise<string> {
  const folder = join(paths.backups, id);
  const partial = join(paths.backups, `.partial-${id}`);
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  try {
    const tar = new PassThrough();
    const [{ code, stderr }] = await Promise.all([
      runAsRoot(host, sh`tar --create --file=- --directory=${BACKUPS}/${id} .`, [], { stdout: tar }).finally(() =>
        tar.end(),
      ),
      unpack(tar, partial),
    ]);
    if (code !== 0)
      throw new UserError(
        `cannot pull the backup: ${stderr.trim() || `exit code ${code}`}`,
        "it is complete on the host; run make backup again",
      );
    await verify(partial);
    renameSync(partial, folder);
    return folder;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Unpacks plain files only, and into this folder only: a tar from a host must not choose where it is written here. */
async function unpack(tar: PassThrough, folder: string): Promise<void> {
  for await (const entry of tar.pipe(extract())) {
    if (entry.header.type === "file") {
      await pipeline(entry, createWriteStream(join(folder, basename(entry.header.name)), { mode: 0o600, flags: "wx" }));
    } else entry.resume();
  }
}

/** @throws UserError unless every file that the manifest names is here, with its sha256 */
async function verify(folder: string): Promise<void> {
  const incomplete = (name: string): UserError =>
    new UserError(`${name} did not arrive completely`, "run make backup again");
  const manifest = join(folder, "manifest.json");
  if (!existsSync(manifest)) throw incomplete("the backup");
  const { files } = JSON.parse(readFileSync(manifest, "utf8")) as Manifest;
  for (const [name, { sha256 }] of Object.entries(files)) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(folder, basename(name))), hash).catch(() => undefined);
    if (hash.digest("hex") !== sha256) throw incomplete(name);
  }
}

interface Manifest {
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly size: number }>>;
}

const sizeOf = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
