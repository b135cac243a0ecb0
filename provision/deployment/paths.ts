import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ROOT } from "../base/checkout";

export { ROOT };
export const TEMPLATES = join(ROOT, "templates");
export const DAGS = join(ROOT, "dags");

/** Deployment files and what is public and committed beside them; a test has a folder of its own. */
export const DEPLOYMENTS = process.env["AIRFLOW_DEPLOYMENTS"] || join(ROOT, "deployments");

export interface Paths {
  /** Everything this machine knows about the deployment; ignored by git. */
  readonly state: string;
  /** What `make infrastructure` learned, as JSON (provision/link/outputs.ts). */
  readonly outputs: string;
  /** Private SSH key, OpenSSH format; its public half beside it with `.pub`. */
  readonly sshKey: string;
  /** The age identity that decrypts the secrets. */
  readonly ageIdentity: string;
  /** Pinned host keys, OpenSSH format. */
  readonly knownHosts: string;
  /** Where Terraform's state lies, if on this machine: a lost one leaves things behind that cost money. */
  readonly terraformState: string;
  /** Hashes of Terraform's providers; undefined if no provider is used. */
  readonly providerLock: string | undefined;
  /** The encrypted secrets. */
  readonly secrets: string;
  /** The recovery recipient, whose identity lies offline: public, beside the secrets, for all operators. */
  readonly recovery: string;
  readonly backups: string;
}

/** Where a deployment's files lie, by where its hosts are made. `state` is the deployment's own folder there. */
type Places = (
  name: string,
  state: string,
) => { readonly keys: string } & Omit<Paths, "state" | "outputs" | "sshKey" | "ageIdentity" | "recovery">;
const PLACES: Readonly<Record<"local" | "aws", Places>> = {
  // A deployment on this machine keeps everything under state/ …
  local: (_name, state) => ({
    keys: join(state, "keys"),
    knownHosts: join(state, "known_hosts"),
    terraformState: state,
    providerLock: undefined,
    secrets: join(state, "secrets.age"),
    backups: join(state, "backups"),
  }),
  // … any other keeps only what can be made again there, and what a team shares in the checkout.
  aws: (name) => {
    const keys = join(homedir(), ".config/airflow-deployment", name);
    return {
      keys,
      knownHosts: join(DEPLOYMENTS, `${name}.known_hosts`),
      terraformState: keys,
      providerLock: join(DEPLOYMENTS, `${name}.terraform.lock.hcl`),
      secrets: join(DEPLOYMENTS, "../secrets", `${name}.age`),
      backups: join(homedir(), "airflow-backups", name),
    };
  },
};

/** @param backups from the deployment file */
export function pathsOf(name: string, infrastructure: keyof typeof PLACES, backups?: string): Paths {
  const state = join(process.env["AIRFLOW_STATE"] ?? join(ROOT, "state"), name);
  const { keys, ...places } = PLACES[infrastructure](name, state);
  return {
    ...places,
    state,
    outputs: join(state, "outputs.json"),
    sshKey: process.env["AIRFLOW_SSH_KEY"] || join(keys, "ssh"),
    ageIdentity: process.env["AIRFLOW_AGE_IDENTITY"] || join(keys, "age"),
    recovery: places.secrets.replace(/\.age$/, ".recovery"),
    backups: backups ? absolute(backups) : places.backups,
  };
}

/** Paths in a deployment file are relative to the checkout, `~` is the home folder. */
export const absolute = (path: string): string => resolve(ROOT, path.replace(/^~(?=\/|$)/, homedir()));
