import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { UserError } from "../base/errors";
import type { DagRelease } from "./dag-release";

/**
 * Reads a folder of DAGs, without bytecode and without names that begin with a dot (.airflowignore is read).
 * @throws UserError if the folder has no DAG file, or something that cannot be pushed
 */
export function readDags(folder: string): DagRelease {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(
      `${folder} is not a folder`,
      "DAGS names the folder with the DAG files; without it, it is dags/",
    );
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
      if (/[\n\\]/.test(path))
        throw new UserError(
          `a DAG file cannot be called ${JSON.stringify(path)}`,
          "rename it, without a line break or backslash",
        );
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
