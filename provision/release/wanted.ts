import { DATA } from "../change/places";
import type { Deployment } from "../deployment/deployment";
import type { Images } from "./images";
import type { Release } from "./release";

/** What should be on a host: all that steps look at, besides the host's own state. Plain data. */
export interface Wanted {
  readonly deployment: Deployment;
  /** The host's login user, whose authorized_keys the operators share. */
  readonly user: string;
  /** Public keys that may log in, one line each. */
  readonly authorizedKeys: readonly string[];
  /** The operator's clock when the facts were asked for, in seconds. */
  readonly clock: number;
  readonly release: Release;
  readonly images: Images;
  /** PEM text that image builds trust. */
  readonly caBundle: string | undefined;
  /** Contents of the files in /opt/airflow/secrets, by name. */
  readonly secretFiles: ReadonlyMap<string, string>;
  /** Changes with the administrator's password. */
  readonly adminDigest: string;
  /** Of the secrets that the data on the volume depends on. */
  readonly identity: Identity;
  /** The role that DAGs have in AWS; undefined: none. */
  readonly taskRole: TaskRole | undefined;
}

export interface TaskRole {
  readonly arn: string;
  readonly region: string;
  /** What CloudTrail calls whoever uses it. */
  readonly session: string;
  /** Who takes it on: the ARN of the host's own role. */
  readonly trust: string;
  /** templates/aws/host.py */
  readonly script: string;
}

/** /srv/airflow/identity.json: whose data this is. */
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
/** On the host and in the containers that have it. */
export const TASK_ROLE = "/opt/airflow/task-role";
