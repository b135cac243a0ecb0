import { UserError } from "../base/errors";
import { live, stable } from "../change/fact";
import { size } from "../base/text";
import type { Step } from "../change/planning";
import { sh } from "../base/shell";
import { DATA } from "../change/places";
import { Wanted } from "../release/wanted";
import { hostClock } from "../change/host-clock";
import { clockProblem } from "./clock";

const GIB = 1024 ** 3;
const SUPPORTED = ["debian 13", "ubuntu 24.04"];
/** Bytes. Airflow needs 4 GB of memory; a machine that is sold with 4 GB has a little less. */
const MEMORY = 3.5 * GIB;
const CORES = 2;
/** Where Docker keeps images, layers and what it builds with; a disk of its own, or part of the root disk. */
const ENGINE = "/var/lib/docker";
/** Free bytes that a first provision needs, by what it puts there; a settled host only needs room to breathe. */
const FIRST_DISK = {
  /** Packages, and the base image while it is made. */
  system: 2 * GIB,
  /** Images, layers, the build's working space. */
  images: 6 * GIB,
  /** A new database with its write-ahead log (1 GiB at most), logs, DAG releases. */
  data: 2 * GIB,
};
const SETTLED_DISK = 1 * GIB;

interface PreflightFacts {
  /** `debian 13` */
  readonly os: string;
  readonly cores: number;
  readonly memory: number;
  /** Free bytes by mount point. */
  readonly disk: ReadonlyMap<string, number>;
  readonly clock: number;
  readonly isMounted: boolean;
  readonly isSettled: boolean;
}

/** Checks that this host can hold Airflow at all; if it cannot, nothing is changed. */
export const preflight: Step<Wanted, PreflightFacts> = {
  name: "preflight",
  facts: () => ({
    os: stable(sh`. /etc/os-release && echo "$ID $VERSION_ID"`, ({ stdout }) => stdout.trim()),
    cores: stable(sh`nproc`, ({ stdout }) => Number(stdout)),
    memory: live(sh`awk '/^MemTotal/ {print $2 * 1024}' /proc/meminfo`, ({ stdout }) => Number(stdout)),
    disk: live(sh`df --output=target,avail -B1 / ${DATA} ${ENGINE} 2>/dev/null`, ({ stdout }) => parseDisk(stdout)),
    clock: hostClock,
    isMounted: stable(sh`mountpoint -q ${DATA}`, ({ code }) => code === 0),
    isSettled: live(sh`test -e ${DATA}/migrated`, ({ code }) => code === 0),
  }),
  plan: (wanted, facts) => {
    const problems = problemsOf(wanted, facts);
    if (problems.length === 0) return [];
    throw new UserError(
      `this host cannot hold Airflow:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
      "nothing was changed",
    );
  },
};

function problemsOf(
  wanted: Wanted,
  { os, cores, memory, disk, clock, isMounted, isSettled }: PreflightFacts,
): string[] {
  const problems: string[] = [];
  const wrongClock = clockProblem(clock, wanted.clock);
  if (!isMounted)
    problems.push(`the data volume is not mounted at ${DATA}: Airflow would start with an empty database`);
  if (!SUPPORTED.includes(os)) problems.push(`its system is ${os || "unknown"}: ${SUPPORTED.join(" or ")} is needed`);
  if (cores < CORES) problems.push(`it has ${cores} core: at least ${CORES} are needed`);
  if (memory < MEMORY) problems.push(`it has ${size(memory)} of memory: at least 4 GiB are needed`);
  for (const [path, free] of disk) {
    const needed = isSettled ? SETTLED_DISK : firstNeed(path, disk.has(ENGINE));
    if (free < needed) problems.push(`${path} has ${size(free)} free: at least ${size(needed)} are needed`);
  }
  if (wrongClock) problems.push(wrongClock);
  return problems;
}

function firstNeed(path: string, hasEngineDisk: boolean): number {
  if (path === DATA) return FIRST_DISK.data;
  if (path === ENGINE) return FIRST_DISK.images;
  return FIRST_DISK.system + (hasEngineDisk ? 0 : FIRST_DISK.images);
}

const parseDisk = (stdout: string): Map<string, number> =>
  new Map(
    stdout
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .map(([path, free]) => [path!, Number(free)]),
  );
