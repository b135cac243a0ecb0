import { createHash } from "node:crypto";
import type { Deployment } from "../deployment/deployment";
import type { UploadFile } from "../change/planning";

/** Full names of the images. The tag of an image that is built is a digest of everything that goes into it. */
export interface Images {
  readonly base: string;
  readonly postgres: string;
  readonly airflow: string;
  /** Day of the last `make lock`, YYYY-MM-DD. A new day makes new images, with Debian's packages of that time. */
  readonly date: string;
}

/** Which of the release's files go into which image; the digest of the base is an input of the other two. */
const INPUTS = {
  base: /^images\/(base\.sh|date|debian-archive-keyring\.asc)$/,
  postgres: /^images\/(Dockerfile|postgres\/.*)$/,
  airflow: /^images\/(Dockerfile|airflow\/.*|plugins\/.*|requirements\.lock|uv\.lock|extra-requirements\.txt)$/,
};

/**
 * Names under localhost/ belong to no registry. Without it, Docker would look for a missing image in its public registry,
 * where anybody could own the name.
 */
const OWN = "localhost/airflow-deployment";

/** The names of the images that are built from a release's files. */
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
    base: `${OWN}/base:${base}`,
    postgres: `${OWN}/postgres:${digest(INPUTS.postgres, base)}`,
    airflow: airflow.image ?? `${OWN}/airflow:${digest(INPUTS.airflow, base)}`,
    date,
  };
}
