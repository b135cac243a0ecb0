import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PassThrough, Readable, pipeline as connect } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { UserError } from "../base/errors";
import { isAlive } from "../base/processes";
import { sh } from "../base/shell";
import { runAsRoot } from "../change/root";
import { encryptStream } from "../deployment/age";
import type { Host } from "../link/host";
import { BACKUPS } from "../steps/backup";
import { parseManifest } from "./manifest";

export interface Pull {
  /** The name of the backup's folder, on the host and here. */
  readonly id: string;
  /** The folder for all backups on this machine. */
  readonly directory: string;
  /** Age recipients. Files that hold data are encrypted to them before they are written here. */
  readonly recipients: readonly string[];
}

/**
 * Pulls a backup. Its folder gets its name only after every file has arrived with the sha256 that the manifest names.
 * @param stop ends the pull early @returns the folder
 * @throws UserError if the backup did not arrive completely; nothing is left of it then
 */
export async function pullBackup(host: Host, { id, directory, recipients }: Pull, stop: AbortSignal): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await removeLeftovers(directory);
  const partial = join(directory, `${PARTIAL}${id}.${process.pid}`);
  const tar = new PassThrough();
  stop.addEventListener("abort", () => tar.destroy(new Error("interrupted")));
  try {
    await mkdir(partial, { mode: 0o700 });
    const sent = send(host, id, tar);
    sent.catch(() => undefined);
    await receive(tar, partial, recipients).catch(async (cause: Error) => {
      // If the host ended the stream early, its own error says why.
      if (tar.writableEnded) await sent;
      throw cause instanceof UserError ? cause : incomplete(cause);
    });
    await sent;
    const folder = join(directory, id);
    await rename(partial, folder);
    await syncFolder(directory);
    return folder;
  } finally {
    // A stream that failed may still be opening its file.
    await rm(partial, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

const PARTIAL = ".partial-";

/** Deletes what is left of pulls whose process was killed. */
async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = name.startsWith(PARTIAL) && /\.(\d+)$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(directory, name), { recursive: true, force: true });
  }
}

const incomplete = (cause: Error): UserError =>
  new UserError(
    `the backup did not arrive completely: ${cause.message}`,
    "it is complete on the host; run make backup again",
    {
      cause,
    },
  );

/** Has the host send the backup's folder as a tar stream. The stream ends even if the host fails. */
async function send(host: Host, id: string, tar: PassThrough): Promise<void> {
  try {
    const command = sh`tar --create --file=- --directory=${BACKUPS}/${id} .`;
    const { code, stderr } = await runAsRoot(host, command, [], { stdout: tar });
    if (code === 0) return;
    throw new UserError(
      `cannot pull the backup: ${stderr.trim() || `exit code ${code}`}`,
      "it is on the host; run make backup again",
    );
  } finally {
    tar.end();
  }
}

/** Bytes that a manifest may have at most, as it is read into memory. */
const SMALL = 16 * 1024 ** 2;
/** They hold names, sizes and counts: no data. */
const isPlain = (name: string): boolean => name === "manifest.json" || name === "SHA256SUMS";
/** The host has only the encrypted file. */
const isEncrypted = (name: string): boolean => name === "secrets.age";

/**
 * Writes the files of a tar stream into the folder, and compares them with the manifest. Only plain files are taken, and only
 * the last part of their names: a tar from a host must not choose where it is written here.
 */
async function receive(tar: Readable, folder: string, recipients: readonly string[]): Promise<void> {
  const plain = new Map<string, Buffer>();
  const arrived = new Map<string, Arrived>();
  // An error of the stream ends the loop below, too.
  const entries = connect(tar, extract(), () => undefined) as ReturnType<typeof extract>;
  for await (const entry of entries) {
    const { type, name, size = 0 } = entry.header;
    const file = basename(name);
    if (type !== "file") entry.resume();
    else if (!isPlain(file)) arrived.set(file, await write(entry as AsyncIterable<Buffer>, folder, file, recipients));
    else if (size <= SMALL) plain.set(file, await buffer(entry));
    else throw new Error(`${file} is too large`);
  }
  const manifest = plain.get("manifest.json");
  const { files } = parseManifest(manifest, plain.get("SHA256SUMS"));
  for (const name of new Set([...Object.keys(files), ...arrived.keys()])) {
    const [wanted, found] = [files[name], arrived.get(name)];
    if (!wanted) throw new Error(`${name} is not in its manifest`);
    if (!found) throw new Error(`${name} is missing`);
    if (found.sha256 !== wanted.sha256 || found.size !== wanted.size) throw new Error(`${name} is damaged`);
  }
  const sums = [...arrived.values()].map(({ sum }) => sum);
  await writeFile(join(folder, "manifest.json"), manifest!, { mode: 0o600, flag: "wx", flush: true });
  sums.push(sumLine("manifest.json", createHash("sha256").update(manifest!)));
  await writeFile(join(folder, "SHA256SUMS"), sums.sort().join(""), { mode: 0o600, flag: "wx", flush: true });
  await syncFolder(folder);
}

interface Arrived {
  /** Of the content that the host sent. */
  readonly sha256: string;
  readonly size: number;
  /** The line of SHA256SUMS for the file that was written here. */
  readonly sum: string;
}

/** Writes a file, encrypted unless it is already: `database.dump` becomes `database.dump.age`. */
async function write(
  content: AsyncIterable<Buffer>,
  folder: string,
  name: string,
  recipients: readonly string[],
): Promise<Arrived> {
  const [came, lies] = [createHash("sha256"), createHash("sha256")];
  let size = 0;
  const counted = through(content, (chunk) => {
    came.update(chunk);
    size += chunk.length;
  });
  const [file, encrypted] = isEncrypted(name)
    ? [name, counted]
    : [`${name}.age`, await encryptStream(counted, recipients)];
  const target = createWriteStream(join(folder, file), { mode: 0o600, flags: "wx", flush: true });
  await pipeline(
    through(encrypted, (chunk) => lies.update(chunk)),
    target,
  );
  return { sha256: came.digest("hex"), size, sum: sumLine(file, lies) };
}

async function* through<T>(content: AsyncIterable<T>, look: (chunk: T) => void): AsyncGenerator<T> {
  for await (const chunk of content) {
    look(chunk);
    yield chunk;
  }
}

const sumLine = (name: string, hash: ReturnType<typeof createHash>): string => `${hash.digest("hex")}  ${name}\n`;

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
