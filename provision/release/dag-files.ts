import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { UserError } from "../base/errors";
import { size } from "../base/text";
import type { Deployment } from "../deployment/deployment";
import { DAGS, PLUGINS, absolute } from "../deployment/paths";
import type { DagRelease } from "./dag-release";

/** The folder of a deployment's DAGs: the variable DAGS, `dags.directory` of the deployment file, or dags/. */
export const dagFolderOf = ({ dags }: Pick<Deployment, "dags">): string =>
  process.env["DAGS"] || (dags.directory ? absolute(dags.directory) : DAGS);

/** What lies beside DAGs and is none: bytecode, packages, and hidden files except .airflowignore, which Airflow reads. */
const RUBBISH = /(^|\/)(__pycache__|node_modules|venv|[^/]+\.egg-info|\.(?!airflowignore$)[^/]*)(\/|$)|\.pyc$/;
/** Bytes that one file may have. The whole push is held in memory. */
const LARGEST = 256 * 1024 ** 2;

/**
 * Reads a folder of DAGs, without RUBBISH.
 * @throws UserError if there is no such folder, if it has no DAG file, or something that cannot be pushed
 */
export function readDags(folder: string): DagRelease {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError(
      `${folder} is not a folder`,
      "DAGS, or dags.directory in the deployment file, names the folder with the DAG files; without both it is dags/",
    );
  const files = readFolder(folder).map(({ path, content }) => ({
    path,
    content,
    sha256: createHash("sha256").update(content).digest("hex"),
  }));
  if (!files.some(({ path }) => path.endsWith(".py") || path.endsWith(".zip"))) {
    throw new UserError(`there is no DAG in ${folder}`, "put at least one .py file there");
  }
  const digest = createHash("sha256")
    .update(files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(""))
    .digest("hex")
    .slice(0, 16);
  return { digest, files };
}

/** Reads the files of a folder, without RUBBISH, sorted. @throws UserError for links and names that cannot be sent */
function readFolder(folder: string): { readonly path: string; readonly content: Buffer }[] {
  try {
    return filesOf(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof UserError || code === undefined) throw error;
    throw new UserError(
      `cannot read ${folder}: ${message}`,
      "may you read all of it, and does nobody write it just now?",
      {
        cause: error,
      },
    );
  }
}

function filesOf(folder: string): { readonly path: string; readonly content: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({ path: relative(folder, join(entry.parentPath, entry.name)), isFile: entry.isFile() }))
    .filter(({ path }) => !RUBBISH.test(path))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, isFile }) => ({ path, content: isFile ? contentOf(folder, path) : refuseLink(folder, path) }));
}

/** Reads the folder of Airflow plugins: that of the deployment file, or plugins/ if it is there. @throws UserError */
export function readPlugins({ plugins, image }: Deployment["airflow"]): { path: string; content: Buffer }[] {
  const folder = plugins ? absolute(plugins) : PLUGINS;
  const isThere = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (plugins && !isThere)
    throw new UserError(`${folder} is not a folder`, "airflow.plugins in the deployment file names it");
  const files = isThere ? readFolder(folder) : [];
  if (files.length > 0 && image)
    throw new UserError(
      `the plugins in ${folder} cannot be put into airflow.image, which is not built here`,
      "put them into that image, or take out airflow.image",
    );
  return files;
}

function contentOf(folder: string, path: string): Buffer {
  // What is not UTF-8 is read as U+FFFD.
  if (/[\n\\\ufffd]/.test(path))
    throw new UserError(
      `a DAG file cannot be called ${JSON.stringify(path)}`,
      "rename it, in UTF-8 and without a line break or backslash",
    );
  const bytes = statSync(join(folder, path)).size;
  if (bytes > LARGEST)
    throw new UserError(
      `${join(folder, path)} has ${size(bytes)}; a file beside DAGs may have ${size(LARGEST)}`,
      "keep data where tasks read it from: a bucket, a database",
    );
  return readFileSync(join(folder, path));
}

function refuseLink(folder: string, path: string): never {
  throw new UserError(`${join(folder, path)} is not a plain file`, "put the file itself there: links are not followed");
}
