import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { Busy, UserError } from "../base/errors";
import { sh } from "../base/shell";
import type { Host } from "../link/host";
import type { CompiledChange } from "./compile";
import type { PatientLink } from "./patient-link";
import { RECORDS, incomingOf, outcomeOf, runOf } from "./places";
import { runAsRoot, spaceHint } from "./root";
import { onHost } from "./scripts";

/** Uploads a change and has the host start it. @throws Busy if another one runs; UserError if it did not start */
export async function startChange(host: Host, link: PatientLink, change: CompiledChange): Promise<void> {
  const result = await link.once(() =>
    runAsRoot(host, onHost("start"), change.startArguments, { stdin: archive(change.files) }),
  );
  if (!result) return didItStart(host, link, change);
  const { code, stdout, stderr } = result;
  if (code === 75) throw busy(stdout.trim());
  if (code !== 0) {
    throw new UserError(
      `the change did not start, nothing was changed: ${stderr.trim() || `exit code ${code}`}`,
      spaceHint(stderr) ?? "run the same verb again",
    );
  }
}

/** Seconds between `begun` and the start of the unit, at most. */
const START = 60;

/**
 * Finds out whether the change started, if the connection was lost before the host said so. Only one can make the
 * directory `begun`: this client, and then the change never starts, or start.sh. start.sh starts the
 * unit after that, whose log is the first sign of it, or deletes all that it has unpacked.
 */
async function didItStart(host: Host, link: PatientLink, { about: { id } }: CompiledChange): Promise<void> {
  await link.reconnect("the change may not have started");
  const outcome = outcomeOf(id);
  const probe = sh`umask 077
if [ -e ${`${RECORDS}/${id}`} ]; then exit 0; fi
if ! { mkdir -p ${outcome} && mkdir ${`${outcome}/begun`}; } 2> /dev/null; then
  deadline=$(($(date +%s) + ${START}))
  while [ -e ${outcome} ] && [ "$(date +%s)" -lt "$deadline" ]; do
    if [ -e ${`${outcome}/log`} ]; then exit 0; fi
    sleep 0.1
  done
fi
rm -rf ${[outcome, runOf(id), incomingOf(id)]}
echo never`;
  const { stdout } = await link.ask(() => runAsRoot(host, probe));
  if (stdout.trim() !== "never") return;
  throw new UserError(
    `the connection to ${host.name} was lost during the upload: nothing was changed`,
    "run the same verb again",
  );
}

/** @param description that of the unit: `provision by ann since 2026-01-01T00:00:00Z` */
export const busy = (description: string): Busy =>
  new Busy(`another change is running on the host: ${description}`, "wait for it, then run the same verb again");

/** The files as a tar stream; root owns all of them. */
export function archive(files: CompiledChange["files"]): Readable {
  const tar = pack();
  for (const directory of directoriesOf(files))
    tar.entry({ name: directory, type: "directory", mode: 0o755, uid: 0, gid: 0 });
  for (const { path, content, mode } of files) tar.entry({ name: path, mode, uid: 0, gid: 0 }, content);
  tar.finalize();
  return Readable.from(tar);
}

/** Directories of uploads, parents first; what exists on the host keeps its mode (--no-overwrite-dir). */
function directoriesOf(files: CompiledChange["files"]): string[] {
  const directories = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    const from = parts.findIndex((part) => part.startsWith(".incoming-"));
    if (from >= 0) for (let i = from + 1; i <= parts.length; i++) directories.add(parts.slice(0, i).join("/"));
  }
  return [...directories].sort();
}
