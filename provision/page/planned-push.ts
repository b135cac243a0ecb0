import { readRaw } from "../change/read-facts";
import { sh } from "../base/shell";
import { DATA } from "../change/places";
import type { Host } from "../link/host";
import { CheckedDags, DagRelease, listed, removedDags } from "../release/dag-release";
import { CURRENT_DIGEST, checkOf, filesIn } from "../steps/dags";

const [files, dags] = [filesIn(sh`${DATA}/dags/current/`), checkOf(CURRENT_DIGEST)];

/** What `make dags` would change on the host, a line each; empty if it would do nothing. */
export async function planPush(host: Host, release: DagRelease): Promise<string[]> {
  const [found, before] = await readRaw(host, [files, dags]);
  return describePush(files.parse(found!.result), dags.parse(before!.result), release);
}

/** @param found sha256 by path of the files on the host */
export function describePush(found: ReadonlyMap<string, string>, before: CheckedDags, release: DagRelease): string[] {
  const wanted = new Map(release.files.map(({ path, sha256 }) => [path, sha256]));
  const removed = removedDags(before, release);
  const rows: [string, string[]][] = [
    ["add", [...wanted.keys()].filter((path) => !found.has(path))],
    ["change", [...wanted].flatMap(([path, sha256]) => (found.has(path) && found.get(path) !== sha256 ? [path] : []))],
    ["remove", [...found.keys()].filter((path) => !wanted.has(path))],
    ["remove the DAGs", removed],
  ];
  return rows.flatMap(([word, names]) => (names.length > 0 ? [`${word} ${listed(names)}`] : []));
}
