import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The root of the checkout. */
export const ROOT = resolve(__dirname, "../..");
export const TEMPLATES = join(ROOT, "templates");
export const DAGS = join(ROOT, "dags");

/** Deployment files and what is public and committed beside them; a test has a folder of its own. */
export const DEPLOYMENTS = process.env["AIRFLOW_DEPLOYMENTS"] || join(ROOT, "deployments");

export interface Paths {
  /** Everything this machine knows about the deployment; ignored by git. */
  readonly state: string;
  /** What `make infrastructure` learned, as JSON (infra/outputs.ts). */
  readonly outputs: string;
  /** Private SSH key, OpenSSH format; its public half beside it with `.pub`. */
  readonly sshKey: string;
  /** The age identity that decrypts the secrets. */
  readonly ageIdentity: string;
  /** Pinned host keys, OpenSSH format. */
  readonly knownHosts: string;
  /** Where Terraform's state lies, if on this machine: a lost one makes orphans that cost money. */
  readonly terraformState: string;
  /** Hashes of Terraform's providers. */
  readonly providerLock: string;
  /** The encrypted secrets. */
  readonly secrets: string;
  readonly backups: string;
}

/** A local deployment keeps everything under state/; any other keeps only what can be made again there. */
export function pathsOf(name: string, isLocal: boolean, backupDirectory?: string): Paths {
  const state = join(process.env["AIRFLOW_STATE"] ?? join(ROOT, "state"), name);
  const keys = isLocal ? join(state, "keys") : join(homedir(), ".config/airflow-deployment", name);
  return {
    state,
    outputs: join(state, "outputs.json"),
    sshKey: process.env["AIRFLOW_SSH_KEY"] || join(keys, "ssh"),
    ageIdentity: process.env["AIRFLOW_AGE_IDENTITY"] || join(keys, "age"),
    knownHosts: isLocal ? join(state, "known_hosts") : join(DEPLOYMENTS, `${name}.known_hosts`),
    terraformState: isLocal ? state : keys,
    providerLock: join(DEPLOYMENTS, `${name}.terraform.lock.hcl`),
    secrets: isLocal ? join(state, "secrets.age") : join(DEPLOYMENTS, "../secrets", `${name}.age`),
    backups: resolve(
      ROOT,
      (backupDirectory ?? (isLocal ? join(state, "backups") : "~/airflow-backups/" + name)).replace(
        /^~(?=\/|$)/,
        homedir(),
      ),
    ),
  };
}
