import { DATA } from "../change/places";
import type { Deployment } from "../deployment/deployment";
import type { Images } from "./images";
import type { Release } from "./release";

/** What should be on a host: plain data, and all that steps know beside the host's own state. */
export interface Wanted {
  readonly deployment: Deployment;
  /** The host's login user, whose authorized_keys the operators share. */
  readonly user: string;
  /** Public keys that may log in, one line each. */
  readonly authorizedKeys: readonly string[];
  /** The public key that this machine logged in with, as base64; undefined: unknown. */
  readonly loginKey: string | undefined;
  /** This machine's clock just before the host's is read, in seconds since 1970. */
  readonly clock: number;
  readonly release: Release;
  readonly images: Images;
  /** PEM text that image builds trust. */
  readonly caBundle: string | undefined;
  /** Contents of the files in /opt/airflow/secrets, by name. */
  readonly secretFiles: ReadonlyMap<string, string>;
  /** The roles that services log in to the database as. */
  readonly databaseLogins: readonly DatabaseLogin[];
  /** A digest that changes with the administrator's password. */
  readonly adminDigest: string;
  /** The deployment, and fingerprints of the secrets that the data on the volume depends on. */
  readonly identity: Identity;
  /** The role that DAGs have in AWS; undefined if they have none. */
  readonly taskRole: TaskRole | undefined;
}

/** A role that Airflow's services can log in to the database as. */
export interface DatabaseLogin {
  readonly role: string;
  /** What Postgres keeps instead of the password; undefined if nobody can log in as this role. */
  readonly verifier: string | undefined;
}

export interface TaskRole {
  readonly arn: string;
  readonly region: string;
  /** The name of the session, which CloudTrail records for every use of the role. */
  readonly session: string;
  /** ARN of the host's own role, which assumes it. */
  readonly trust: string;
  /** The text of templates/aws/host.py. */
  readonly script: string;
}

/** The content of /srv/airflow/identity.json, which says which deployment the data belongs to. */
export interface Identity {
  readonly deployment: string;
  readonly fernetKey: string;
  readonly databasePassword: string;
}

export const SERVICES = ["postgres", "api-server", "scheduler", "dag-processor", "triggerer"] as const;
export const RELEASES = `${DATA}/releases`;
export const CURRENT = `${DATA}/current`;
export const DAG_RELEASES = `${DATA}/dags/releases`;
export const SECRET_FILES = "/opt/airflow/secrets";
/** The number of the group that may read them: only containers that mount secrets are in it. */
export const SECRETS_GROUP = 50001;
/** The folder of the role's credentials, on the host and in the containers that use them. */
export const TASK_ROLE = "/opt/airflow/task-role";
