import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { UserError } from "../base/errors";
import type { UploadFile } from "../change/planning";

export interface DagRelease {
  /** 16 hex digits: Airflow shows it as the DAGs' version. */
  readonly digest: string;
  readonly files: readonly (UploadFile & { readonly sha256: string })[];
}

/** What lies in a folder and is worth pushing: nothing that begins with a dot but .airflowignore, no bytecode. */
export function readDags(folder: string): DagRelease {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const path = relative(folder, join(entry.parentPath, entry.name));
      return { path, isFile: entry.isFile() };
    })
    .filter(({ path }) => !/(^|\/)(__pycache__(\/|$)|\.(?!airflowignore$))/.test(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, isFile }) => {
      if (!isFile)
        throw new UserError(
          `${join(folder, path)} is not a plain file`,
          "put the file itself there: links are not followed",
        );
      if (/[\n\\]/.test(path)) throw new UserError(`${JSON.stringify(path)} is no name for a DAG file`, "rename it");
      const content = readFileSync(join(folder, path));
      return { path, content, sha256: createHash("sha256").update(content).digest("hex") };
    });
  if (!files.some(({ path }) => path.endsWith(".py") || path.endsWith(".zip"))) {
    throw new UserError(`there is no DAG in ${folder}`, "put at least one .py file there");
  }
  const digest = createHash("sha256")
    .update(files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(""))
    .digest("hex")
    .slice(0, 16);
  return { digest, files };
}

/** By DAG id: the file it stands in, and a hash that changes with the DAG. */
export type CheckedDags = Readonly<Record<string, { readonly file: string; readonly hash: string }>>;

/** `added: a, b` and so on, one line each; what did not change is counted. */
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
