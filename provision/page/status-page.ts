import type { AirflowStatus } from "./airflow-status";
import { describe, noteOf } from "../change/standing";
import type { HostStatus } from "./host-status";
import { age, duration, size } from "../base/text";
import { SERVICES } from "../release/wanted";

export interface Page {
  readonly lines: readonly string[];
  /** The page in a few words, for a line among those of other deployments. */
  readonly summary: string;
  /** What is not healthy; `make status` fails if there is any. */
  readonly problems: readonly string[];
  /** What the operator should look after; `make status` does not fail because of it. */
  readonly warnings: readonly string[];
}

const DAY = 86_400;

/**
 * The status page.
 * @param airflow Airflow's status, or the error that kept it from being read
 * @param now this machine's clock, in seconds since 1970
 */
export function statusPage(host: HostStatus, airflow: AirflowStatus | Error, now: number): Page {
  const problems = [...hostProblems(host, now), ...serviceProblems(host), ...airflowProblems(airflow)];
  const warnings = warningsOf(host, airflow, now);
  const row = (name: string, value: string): string => `${name.padEnd(14)}${value}`;
  const since = (seconds: number): string => age(now - seconds);
  const lines = [
    row("host", `${host.system ?? "unknown system"}, up for ${age(host.uptime)}`),
    row("release", `${host.release ?? "none"}, images of ${host.imagesDate ?? "an unknown date"}`),
    row("DAG release", host.dagRelease ?? "none"),
    ...(airflow instanceof Error
      ? [row("Airflow", `does not answer: ${airflow.message}`)]
      : [
          row(
            "Airflow",
            `${airflow.version}, ${airflow.unhealthy.length === 0 ? "all heartbeats healthy" : `not healthy: ${airflow.unhealthy.join(", ")}`}`,
          ),
          row(
            "DAGs",
            `${airflow.active} active, ${airflow.paused} paused${airflow.failed.length > 0 ? `; last run failed: ${airflow.failed.join(", ")}` : ""}`,
          ),
        ]),
    ...SERVICES.map((service) => {
      const found = host.services.find((candidate) => candidate.service === service);
      if (!found) return row(service, "no container");
      return row(
        service,
        `${(found.state === "running" && found.health) || found.state} for ${since(Date.parse(found.since) / 1000)}${restarted(found.restarts)}`,
      );
    }),
    ...host.disks.map(({ paths, size: total, free }) =>
      row("disk", `${size(free)} of ${size(total)} free (${paths.join(", ")})`),
    ),
    row("memory", `${size(host.memory.available)} of ${size(host.memory.total)} available`),
    ...(host.taskRole === undefined ? [] : [row("DAGs' role", validity(host.taskRole))]),
    row("last change", lastChange(host)),
    row(
      "last backup",
      host.backup ? `${since(host.backup.made)} ago, ${size(host.backup.bytes)} (${host.backup.name})` : "none",
    ),
  ];
  const summary =
    airflow instanceof Error
      ? ""
      : `Airflow ${airflow.version}, ${airflow.active} active DAGs, up for ${age(host.uptime)}`;
  return { lines, summary, problems, warnings };
}

const restarted = (times: number): string =>
  times === 0 ? "" : `, restarted ${times === 1 ? "once" : `${times} times`}`;

/** By what `systemctl is-active` prints. */
const DOCKER_STATES: Readonly<Record<string, string>> = {
  inactive: "is not running",
  failed: "has failed: see journalctl --unit docker.service on the host",
  activating: "is starting",
  deactivating: "is stopping",
};

function dockerProblem(state: string | undefined): string[] {
  if (state === "active") return [];
  if (state === undefined) return ["Docker is not installed"];
  return [`Docker ${DOCKER_STATES[state] ?? `is in the state "${state}"`}`];
}

function hostProblems(host: HostStatus, now: number): string[] {
  const skew = Math.abs(host.clock - now);
  return [
    ...(host.hasData ? [] : ["the data volume is not mounted at /srv/airflow"]),
    ...dockerProblem(host.docker),
    // Airflow refuses the tokens of tasks from 10 s on.
    ...(skew > 5 ? [`the host's clock differs from this machine's by ${duration(skew)}`] : []),
    ...host.disks
      .filter(({ size: total, free }) => free < total * 0.05)
      .map(({ paths, free }) => `the disk of ${paths.join(", ")} is nearly full: ${size(free)} are free`),
    ...(host.taskRoleFailed || (host.taskRole !== undefined && host.taskRole <= 0)
      ? [
          `${host.taskRoleFailed ? "the host could not assume DAGs' role in AWS" : "the credentials of DAGs' role in AWS ran out"}: see journalctl --unit airflow-task-role.service on the host`,
        ]
      : []),
    ...(host.memory.available < host.memory.total * 0.03
      ? [`only ${size(host.memory.available)} of memory are available`]
      : []),
  ];
}

const serviceProblems = ({ services }: HostStatus): string[] =>
  SERVICES.flatMap((name) => {
    const found = services.find(({ service }) => service === name);
    if (!found) return [`${name} has no container`];
    if (found.state === "exited") return [`${name} has exited`];
    if (found.state !== "running") return [`${name} is ${found.state}`];
    if (found.health === "healthy" || !found.health || isStarting(found)) return [];
    return [`${name} is ${found.health}`];
  });

/**
 * Docker has not asked it yet how it is. Airflow's heartbeats say more by then, and provisioning goes by them. One that was
 * started again and again is no such service.
 */
const isStarting = ({ state, health, restarts }: HostStatus["services"][number]): boolean =>
  state === "running" && health === "starting" && restarts < 3;

function airflowProblems(airflow: AirflowStatus | Error): string[] {
  if (airflow instanceof Error) return ["Airflow does not answer"];
  return airflow.unhealthy.map((component) => `${component} is not healthy`);
}

function warningsOf(
  { imagesDate, backup, previous, running, services, rebootReason }: HostStatus,
  airflow: AirflowStatus | Error,
  now: number,
): string[] {
  const days = imagesDate ? Math.floor((now - Date.parse(imagesDate) / 1000) / DAY) : 0;
  return [
    ...(days > 30 ? [`the images are ${days} days old: run make lock, then make provision, for security updates`] : []),
    ...(rebootReason ? [`updates of the host wait for a reboot (${rebootReason}): run make reboot`] : []),
    ...(backup
      ? now - backup.made > 7 * DAY
        ? [`the last backup is ${age(now - backup.made)} old: run make backup`]
        : []
      : ["there is no backup: run make backup"]),
    // A change that still runs has no outcome yet.
    ...(previous && !running && previous.outcome.kind !== "done" ? [noteOf(previous)] : []),
    ...services.filter(isStarting).map(({ service }) => `${service} is starting: run make status again in a minute`),
    ...(airflow instanceof Error
      ? []
      : airflow.importErrors.map(
          ({ filename, stack_trace }) => `${filename} cannot be imported: ${stack_trace.trim().split("\n").at(-1)}`,
        )),
  ];
}

const validity = (seconds: number): string =>
  seconds > 0 ? `credentials for another ${age(seconds)}` : `credentials ran out ${age(-seconds)} ago`;

function lastChange({ running, previous }: HostStatus): string {
  if (running) return `${running}, still running`;
  if (!previous) return "none";
  return `${describe(previous.about)}: ${previous.outcome.kind}`;
}
