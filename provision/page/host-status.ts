import { standing } from "../change/standing";
import { Fact, live } from "../change/fact";
import { hostClock } from "../change/host-clock";
import { readRaw } from "../change/read-facts";
import type { Host } from "../link/host";
import { sh } from "../base/shell";
import { BACKUPS } from "../steps/backup";
import { taskRoleFailed, taskRoleValidity } from "../steps/task-role";
import { CURRENT } from "../release/wanted";
import { DATA } from "../change/places";

export interface ServiceStatus {
  readonly service: string;
  /** Docker's word: created, running, paused, restarting, removing, exited or dead. */
  readonly state: string;
  /** healthy, unhealthy or starting; empty if it has no health check. */
  readonly health: string;
  /** ISO 8601: when it started, or when it ended if it does not run. */
  readonly since: string;
  readonly restarts: number;
}

const first = ({ stdout }: { stdout: string }): string | undefined => stdout.trim().split("\n")[0] || undefined;

/** What the status page shows of a host. It is read in one round trip; nothing is planned from it. */
const facts = {
  running: standing.running,
  previous: standing.previous,
  release: live(sh`basename "$(readlink ${CURRENT})"`, first),
  dagRelease: live(sh`basename "$(readlink ${DATA}/dags/current)"`, first),
  system: live(sh`. /etc/os-release; echo "$PRETTY_NAME"`, first),
  clock: hostClock,
  /** Seconds since the boot, as systemd knows it: /proc/uptime in a container is that of the machine around it. */
  uptime: live(
    sh`echo $(($(date +%s) - $(date -d "$(systemctl show -p UserspaceTimestamp --value)" +%s)))`,
    ({ stdout }) => Number(stdout),
  ),
  /** Why a reboot is due: `6.12.0-2 is installed, 6.12.0-1 runs`; undefined where none is. */
  rebootReason: live(
    sh`if [ -e /run/reboot-required ]; then sort -u /run/reboot-required.pkgs 2> /dev/null | paste -sd ' '; exit 0; fi
newest=$(ls /boot/vmlinuz-* 2> /dev/null | sort -V | tail -n 1)
[ -n "$newest" ] && [ "\${newest#/boot/vmlinuz-}" != "$(uname -r)" ] && echo "kernel \${newest#/boot/vmlinuz-} is installed, $(uname -r) runs"`,
    ({ code, stdout }) => (code === 0 ? stdout.trim() || "the system asks for it" : undefined),
  ),
  hasData: live(sh`mountpoint -q ${DATA}`, ({ code }) => code === 0),
  docker: live(sh`systemctl is-active docker.service`, first),
  services: live(
    sh`docker ps --all --quiet --filter label=com.docker.compose.project=airflow --filter label=com.docker.compose.oneoff=False | xargs -r docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Running}}{{.State.StartedAt}}{{else}}{{.State.FinishedAt}}{{end}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{end}}'`,
    ({ stdout }) => parseServices(stdout),
  ),
  imagesDate: live(sh`cat ${CURRENT}/images/date`, ({ code, stdout }) => (code === 0 ? stdout.trim() : undefined)),
  disks: live(sh`df --block-size=1 --output=target,size,avail / ${DATA} /var/lib/docker`, ({ stdout }) =>
    parseDisks(stdout),
  ),
  memory: live(sh`cat /proc/meminfo`, ({ stdout }) => {
    const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(stdout)?.[1] ?? 0);
    return { total: kib("MemTotal") * 1024, available: kib("MemAvailable") * 1024 };
  }),
  taskRole: taskRoleValidity,
  taskRoleFailed,
  backup: live(
    sh`ls -1t ${BACKUPS} | head -n 1 | while read -r name; do stat -c '%Y' ${BACKUPS}/"$name"; du -sb ${BACKUPS}/"$name" | cut -f1; echo "$name"; done`,
    ({ stdout }) => parseBackup(stdout),
  ),
} satisfies Record<string, Fact<unknown>>;

export type HostStatus = { readonly [K in keyof typeof facts]: ReturnType<(typeof facts)[K]["parse"]> };

export async function readStatus(host: Host): Promise<HostStatus> {
  const names = Object.keys(facts) as (keyof typeof facts)[];
  const raw = await readRaw(host, Object.values<Fact<unknown>>(facts));
  return Object.fromEntries(names.map((name, i) => [name, facts[name].parse(raw[i]!.result)])) as HostStatus;
}

export const parseServices = (stdout: string): ServiceStatus[] =>
  [...stdout.matchAll(/^(\S+) (\S+) (\S+) (\d+) ?(\S*)$/gm)].map(([, service, state, since, restarts, health]) => ({
    service: service!,
    state: state!,
    since: since!,
    restarts: Number(restarts),
    health: health!,
  }));

export interface Disk {
  /** Those of the directories that were asked for that lie on it. */
  readonly paths: readonly string[];
  /** Bytes. */
  readonly size: number;
  readonly free: number;
}

/** Lists each disk once. df repeats a disk if several directories lie on it; their lines have the same numbers. */
export function parseDisks(stdout: string): Disk[] {
  const byNumbers = new Map<string, string[]>();
  for (const [, path, numbers] of stdout.matchAll(/^(\/\S*)\s+(\d+\s+\d+)$/gm)) {
    byNumbers.set(numbers!, [...new Set([...(byNumbers.get(numbers!) ?? []), path!])]);
  }
  return [...byNumbers].map(([numbers, paths]) => {
    const [size, free] = numbers.split(/\s+/).map(Number);
    return { paths, size: size!, free: free! };
  });
}

const parseBackup = (stdout: string) => {
  const [made, bytes, name] = stdout.trim().split("\n");
  return name ? { name, made: Number(made), bytes: Number(bytes) } : undefined;
};
