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
export type CheckedDags = Readonly<Record<string, { readonly file: string; readonly hash: string }>>;

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
    ...rows.flatMap(([word, names]) => (names.length > 0 ? [`${word}: ${names.join(", ")}`] : [])),
    ...(same > 0 ? [`unchanged: ${same}`] : []),
  ].join("\n");
}
