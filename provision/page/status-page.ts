import type { AirflowStatus } from "./airflow-status";
import { describe, noteOf } from "../change/standing";
import type { HostStatus } from "./host-status";
import { age, duration, size } from "../base/text";
import { SERVICES } from "../release/wanted";

export interface Page {
  readonly lines: readonly string[];
  /** What is not healthy: the verb fails with them. */
  readonly problems: readonly string[];
  /** What somebody should look after one day. */
  readonly warnings: readonly string[];
}

const DAY = 86_400;

/** One page of state. Pure. @param now seconds since 1970 by this machine @param airflow its status, or why there is none */
export function statusPage(host: HostStatus, airflow: AirflowStatus | Error, now: number): Page {
  const problems = [...hostProblems(host, now), ...serviceProblems(host), ...airflowProblems(airflow)];
  const warnings = warningsOf(host, airflow, now);
  const row = (name: string, value: string): string => `${name.padEnd(14)}${value}`;
  const since = (seconds: number): string => age(now - seconds);
  const lines = [
    row("host", `${host.system ?? "unknown system"}, up for ${age(host.uptime)}`),
    row("release", `${host.release ?? "none"}, images of ${host.imagesDate ?? "no date"}`),
    row("DAG release", host.dagRelease ?? "none"),
    ...(airflow instanceof Error
      ? [row("Airflow", `does not answer: ${airflow.message}`)]
      : [
          row(
            "Airflow",
            `${airflow.version}, ${airflow.unhealthy.length === 0 ? "all heartbeats healthy" : `no heartbeat: ${airflow.unhealthy.join(", ")}`}`,
          ),
          row(
            "DAGs",
            `${airflow.active} active, ${airflow.paused} paused${airflow.failed.length > 0 ? `; last run failed: ${airflow.failed.join(", ")}` : ""}`,
          ),
        ]),
    ...SERVICES.map((service) => {
      const found = host.services.find((candidate) => candidate.service === service);
      if (!found) return row(service, "there is none");
      const restarts = found.restarts > 0 ? `, restarted ${found.restarts} times` : "";
      return row(
        service,
        `${(found.state === "running" && found.health) || found.state} for ${since(Date.parse(found.since) / 1000)}${restarts}`,
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
  return { lines, problems, warnings };
}

function hostProblems(host: HostStatus, now: number): string[] {
  const skew = Math.abs(host.clock - now);
  return [
    ...(host.hasData ? [] : ["the data volume is not mounted at /srv/airflow"]),
    ...(host.docker === "active" ? [] : [`Docker is ${host.docker ?? "not installed"}`]),
    // Tasks' tokens break at 10 s.
    ...(skew > 5 ? [`the host's clock differs from this machine's by ${duration(skew)}`] : []),
    ...host.disks
      .filter(({ size: total, free }) => free < total * 0.05)
      .map(({ paths, free }) => `the disk of ${paths.join(", ")} is nearly full: ${size(free)} are free`),
    ...(host.taskRole !== undefined && host.taskRole <= 0
      ? ["the credentials of DAGs' role in AWS ran out: see journalctl --unit airflow-task-role.service on the host"]
      : []),
    ...(host.memory.available < host.memory.total * 0.03
      ? [`only ${size(host.memory.available)} of memory are available`]
      : []),
  ];
}

const serviceProblems = ({ services }: HostStatus): string[] =>
  SERVICES.flatMap((name) => {
    const found = services.find(({ service }) => service === name);
    if (!found) return [`${name} is not there`];
    if (found.state !== "running") return [`${name} is ${found.state}`];
    return found.health === "healthy" || !found.health ? [] : [`${name} is ${found.health}`];
  });

function airflowProblems(airflow: AirflowStatus | Error): string[] {
  if (airflow instanceof Error) return ["Airflow does not answer"];
  return airflow.unhealthy.map((component) => `no heartbeat of ${component}`);
}

function warningsOf(
  { imagesDate, backup, previous }: HostStatus,
  airflow: AirflowStatus | Error,
  now: number,
): string[] {
  const days = imagesDate ? Math.floor((now - Date.parse(imagesDate) / 1000) / DAY) : 0;
  return [
    ...(days > 30 ? [`the images are ${days} days old: make lock, then make provision, brings security updates`] : []),
    ...(backup
      ? now - backup.made > 7 * DAY
        ? [`the last backup is ${age(now - backup.made)} old: make backup`]
        : []
      : ["there is no backup: make backup"]),
    ...(previous && previous.outcome.kind !== "done" ? [noteOf(previous)] : []),
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
