import { Command, sh } from "../base/shell";
import { CURRENT } from "../release/wanted";

/** `docker compose` with a Compose file. The project directory is always the same, because the hash of a service may depend on it. */
export const compose = (file: string): Command =>
  sh`docker compose --project-name airflow --project-directory ${CURRENT} --file ${file}`;
