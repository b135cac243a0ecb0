import { Fact, live, stable } from "../change/fact";
import { sh } from "../base/shell";
import { SERVICES } from "../release/wanted";

export type Service = (typeof SERVICES)[number];

/** A container of a service, as compose made it. */
export interface Container {
  readonly name: string;
  readonly service: string;
  /** Compose's digest of the service's configuration. */
  readonly hash: string;
}

export interface ContainerState {
  /** Docker's word: created, running, paused, restarting, exited, dead. */
  readonly word: string;
  readonly isUnhealthy: boolean;
  /** How many networks it is attached to; undefined if Docker does not say. */
  readonly networks: number | undefined;
}

/** What compose calls the container of a service. */
export const containerOf = (service: string): string => `airflow-${service}-1`;
/** To how many networks of compose.yaml a service is attached. */
export const networksOf = (service: Service): number => (service === "postgres" ? 1 : 2);

/** The container that serves as api-server while compose recreates the other one. */
export const STAND_IN = "airflow-api-next";

const PS = sh`docker ps --all --no-trunc --filter label=com.docker.compose.project=airflow`;

/** Stable: if somebody recreates a service after the plan, the change must not start. */
export const madeContainers: Fact<readonly Container[]> = stable(
  sh`${PS} --filter label=com.docker.compose.oneoff=False --format '{{.Names}} {{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.config-hash"}}' | sort`,
  ({ stdout }) =>
    [...stdout.matchAll(/^(\S+) (\S+) (\S+)$/gm)].map(([, name, service, hash]) => ({
      name: name!,
      service: service!,
      hash: hash!,
    })),
);

/** By name. Live: the state of a service that restarts again and again changes all the time. */
export const containerStates: Fact<ReadonlyMap<string, ContainerState>> = live(
  sh`${PS} --format '{{.Names}} {{.State}} {{.Status}}|{{.Networks}}'`,
  ({ stdout }) =>
    new Map(
      [...stdout.matchAll(/^(\S+) (\S+) ([^|\n]*)(?:\|(.*))?$/gm)].map(([, name, word, status, networks]) => [
        name!,
        {
          word: word!,
          isUnhealthy: status!.includes("(unhealthy)"),
          networks: networks?.split(",").filter(Boolean).length,
        },
      ]),
    ),
);

/** A start would not help: the container must be recreated. */
export const isBroken = ({ word, isUnhealthy }: ContainerState): boolean =>
  isUnhealthy || !["running", "created", "exited"].includes(word);

export const describeState = ({ word, isUnhealthy }: ContainerState): string => (isUnhealthy ? "unhealthy" : word);
