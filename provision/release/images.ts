import { createHash } from "node:crypto";
import type { Deployment } from "../deployment/deployment";
import type { UploadFile } from "../change/planning";

/** Full names, tagged by the digest of what goes into them. */
export interface Images {
  readonly base: string;
  readonly postgres: string;
  readonly airflow: string;
  /** Day of the Debian archive's state that they were made from, YYYY-MM-DD. */
  readonly date: string;
}

/** Which files (below images/ of the release) go into which image; the digest of one is an input of the next. */
const INPUTS = {
  base: /^images\/(base\.sh|date|debian-archive-keyring\.asc)$/,
  postgres: /^images\/(Dockerfile|postgres\/.*)$/,
  airflow: /^images\/(Dockerfile|airflow\/.*|requirements\.lock|uv\.lock|extra-requirements\.txt)$/,
};

/** Names the images that a release's files make. */
export function imagesOf({ airflow, build }: Deployment, files: readonly UploadFile[]): Images {
  const digest = (inputs: RegExp, ...more: string[]): string => {
    const hash = createHash("sha256").update(JSON.stringify(more));
    for (const { path, content } of files.filter(({ path }) => inputs.test(path)))
      hash.update(`\0${path}\0`).update(content);
    return hash.digest("hex").slice(0, 16);
  };
  const base = digest(INPUTS.base, build.aptMirror ?? "");
  const date = files
    .find(({ path }) => path === "images/date")!
    .content.toString()
    .trim();
  return {
    base: `airflow-deployment/base:${base}`,
    postgres: `airflow-deployment/postgres:${digest(INPUTS.postgres, base)}`,
    airflow: airflow.image ?? `airflow-deployment/airflow:${digest(INPUTS.airflow, base)}`,
    date,
  };
}
