import { z } from "zod";
import { size } from "../base/text";
import type { UploadFile } from "../change/planning";

/** A folder of DAGs as it is pushed; a digest of its content is its name. */
export interface DagRelease {
  /** 16 hex digits: Airflow shows it as the DAGs' version. */
  readonly digest: string;
  readonly files: readonly (UploadFile & { readonly sha256: string })[];
  /** The check also prints what Airflow and the DAG files print. */
  readonly isVerbose?: boolean;
}

/** By DAG id: the file that defines it, and a hash that changes with the DAG. */
const Dags = z.record(z.string(), z.object({ file: z.string(), hash: z.string() }).readonly()).readonly();
export type CheckedDags = z.infer<typeof Dags>;

/** Parses what lib/dag_check.py has printed; empty if it is anything else. */
export function parseCheck(text: string): CheckedDags {
  try {
    return z.object({ dags: Dags }).parse(JSON.parse(text)).dags;
  } catch {
    return {};
  }
}

/** One line for each kind of difference, `added: a, b`; DAGs that did not change are only counted. */
export function describeDags(before: CheckedDags, after: CheckedDags): string {
  const ids = Object.keys(after);
  const rows: [string, string[]][] = [
    ["added", ids.filter((id) => !before[id])],
    ["changed", ids.filter((id) => before[id] && before[id].hash !== after[id]!.hash)],
    ["removed", Object.keys(before).filter((id) => !after[id])],
  ];
  const same = ids.filter((id) => before[id]?.hash === after[id]!.hash).length;
  return [
    ...rows.flatMap(([word, names]) => (names.length > 0 ? [`${word}: ${listed(names)}`] : [])),
    ...(same > 0 ? [`unchanged: ${same}`] : []),
  ].join("\n");
}

/** How many names are written out. */
const SHOWN = 10;

/** `a, b`, or `a, b and 80 more` */
export const listed = (names: readonly string[]): string =>
  names.length > SHOWN + 1 ? `${names.slice(0, SHOWN).join(", ")} and ${names.length - SHOWN} more` : names.join(", ");

/** Bytes of all files. */
export const sizeOf = ({ files }: Pick<DagRelease, "files">): number =>
  files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The ids of the DAGs whose file is not in the release, in no folder of it. A DAG that is taken out of a file is found only by the check. */
export function removedDags(before: CheckedDags, { files }: DagRelease): string[] {
  const names = new Set(files.map(({ path }) => nameOf(path)));
  return Object.keys(before).filter((id) => !names.has(nameOf(before[id]!.file)));
}

/** A few DAGs may go without a question. */
const FEW = 3;
/** The DAG that `make test` runs. */
const CANARY = "canary";
const MIB = 1024 ** 2;
const LARGE = { file: 10 * MIB, push: 100 * MIB };

/** What may be a mistake of this push, a line each: it is asked for before anything is pushed. */
export function doubtsAbout(release: DagRelease, before: CheckedDags): string[] {
  const removed = removedDags(before, release);
  const large = release.files.filter(({ content }) => Buffer.byteLength(content) > LARGE.file);
  const all = sizeOf(release);
  return [
    ...(removed.length > FEW || removed.includes(CANARY)
      ? [`removes ${removed.length} of ${Object.keys(before).length} DAGs: ${listed(removed)}`]
      : []),
    ...large.map(({ path, content }) => `uploads ${path}, ${size(Buffer.byteLength(content))}`),
    ...(all > LARGE.push ? [`uploads ${size(all)} in all`] : []),
  ];
}
