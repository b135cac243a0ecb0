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
  /** Docker has not heard yet how it is. */
  readonly isStarting: boolean;
}

/** What compose calls the container of a service. */
export const containerOf = (service: string): string => `airflow-${service}-1`;
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
  sh`${PS} --format '{{.Names}} {{.State}} {{.Status}}'`,
  ({ stdout }) =>
    new Map(
      [...stdout.matchAll(/^(\S+) (\S+) (.*)$/gm)].map(([, name, word, status]) => [
        name!,
        {
          word: word!,
          isUnhealthy: status!.includes("(unhealthy)"),
          isStarting: status!.includes("(health: starting)"),
        },
      ]),
    ),
);

/** A start would not help: the container must be recreated. */
export const isBroken = ({ word, isUnhealthy }: ContainerState): boolean =>
  isUnhealthy || !["running", "created", "exited"].includes(word);

export const describeState = ({ word, isUnhealthy }: ContainerState): string => (isUnhealthy ? "unhealthy" : word);
