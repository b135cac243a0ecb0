import { lstatSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "./processes";

/**
 * Runs `work` with a folder for decrypted text (mode 0700), in memory if /dev/shm is a tmpfs. The folder is removed
 * when `work` or this process ends; if the process was killed, the next call removes it.
 */
export async function withPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const base = isMemory("/dev/shm") ? "/dev/shm" : tmpdir();
  removeLeftovers(base);
  const folder = mkdtempSync(join(base, `${PREFIX}${process.pid}-`));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    return await work(folder);
  } finally {
    remove();
    process.off("exit", remove);
  }
}

const PREFIX = "airflow-secrets-";
const TMPFS = 0x01021994;

function isMemory(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS;
  } catch {
    return false;
  }
}

function removeLeftovers(base: string): void {
  for (const entry of readdirSync(base)) {
    const pid = entry.startsWith(PREFIX) ? Number.parseInt(entry.slice(PREFIX.length)) : NaN;
    const isOurs = pid > 0 && !isAlive(pid) && isOwn(join(base, entry));
    if (isOurs) rmSync(join(base, entry), { recursive: true, force: true });
  }
}

/** A folder itself: whoever else writes to a shared folder may put a link of this name there. */
function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.();
}
