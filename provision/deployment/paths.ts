import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ROOT } from "../base/checkout";

export { ROOT };
export const TEMPLATES = join(ROOT, "templates");
export const DAGS = join(ROOT, "dags");
export const PLUGINS = join(ROOT, "plugins");

/** The folder of the deployment files, and of public files that are committed beside them. A test names its own. */
export const DEPLOYMENTS = process.env["AIRFLOW_DEPLOYMENTS"] || join(ROOT, "deployments");

export interface Paths {
  /** The deployment's own folder on this machine; ignored by git. */
  readonly state: string;
  /** What `make infrastructure` learned, as JSON (provision/link/outputs.ts). */
  readonly outputs: string;
  /** The private SSH key in OpenSSH's format; the public key lies beside it, with `.pub`. */
  readonly sshKey: string;
  /** The age identity that decrypts the secrets. */
  readonly ageIdentity: string;
  /** Pinned host keys, OpenSSH format. */
  readonly knownHosts: string;
  /** The folder of Terraform's state, if it is on this machine. If the state is lost, what costs money stays behind. */
  readonly terraformState: string;
  /** The file with the hashes of Terraform's providers; undefined if no provider is used. */
  readonly providerLock: string | undefined;
  /** The encrypted secrets. */
  readonly secrets: string;
  /** The public recovery recipient, whose identity is kept offline. It lies beside the secrets, for all operators. */
  readonly recovery: string;
  readonly backups: string;
}

/** Where the files of one kind of deployment lie. @param state the deployment's own folder in state/ */
type Places = (
  name: string,
  state: string,
) => { readonly keys: string } & Omit<Paths, "state" | "outputs" | "sshKey" | "ageIdentity" | "recovery">;
/** What can be made again lies in the checkout's state/, what a team shares is committed, the rest is at home. */
const shared: Places = (name) => {
  const keys = join(homedir(), ".config/airflow-deployment", name);
  return {
    keys,
    knownHosts: join(DEPLOYMENTS, `${name}.known_hosts`),
    terraformState: keys,
    providerLock: undefined,
    secrets: join(DEPLOYMENTS, "../secrets", `${name}.age`),
    backups: join(homedir(), "airflow-backups", name),
  };
};
const PLACES: Readonly<Record<"local" | "aws" | "existing", Places>> = {
  // A deployment on this machine keeps everything under state/ …
  local: (_name, state) => ({
    keys: join(state, "keys"),
    knownHosts: join(state, "known_hosts"),
    terraformState: state,
    providerLock: undefined,
    secrets: join(state, "secrets.age"),
    backups: join(state, "backups"),
  }),
  // … one elsewhere does not.
  aws: (name, state) => ({ ...shared(name, state), providerLock: join(DEPLOYMENTS, `${name}.terraform.lock.hcl`) }),
  existing: shared,
};

/** The paths of a deployment. @param backups `backup.directory` of the deployment file */
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

/** Makes a deployment file's path absolute: it is relative to the checkout, and `~` is the home folder. */
export const absolute = (path: string): string => resolve(ROOT, path.replace(/^~(?=\/|$)/, homedir()));
