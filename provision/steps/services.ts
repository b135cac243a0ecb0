import { parse } from "yaml";
import { AIRFLOW_PORT } from "../deployment/airflow";
import { live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { CURRENT, RELEASES, SERVICES, Wanted } from "../release/wanted";
import { compose } from "./compose";

interface Container {
  readonly service: string;
  readonly hash: string;
  readonly state: string;
}

interface ServiceFacts {
  readonly containers: readonly Container[];
  /** The hash that compose would give each service of the wanted release. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly current: string | undefined;
  readonly runningFile: string | undefined;
  readonly isHealthy: boolean;
}

const HEALTH_TIMEOUT = 180;

/** Switches to the release and lets compose create, recreate or start exactly what differs. */
export const services: Step<Wanted, ServiceFacts> = {
  name: "services",
  facts: ({ release }) => ({
    containers: stable(
      sh`docker ps --all --no-trunc --filter label=com.docker.compose.project=airflow --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.Label "com.docker.compose.config-hash"}} {{.State}}' | sort`,
      ({ stdout }) =>
        [...stdout.matchAll(/^(\S+) (\S+) (\S+)$/gm)].map(([, service, hash, state]) => ({
          service: service!,
          hash: hash!,
          state: state!,
        })),
    ),
    hashes: stable(
      sh`printf %s ${release.composeFile} | ${compose("-")} config --hash '*'`,
      ({ stdout }) => new Map([...stdout.matchAll(/^(\S+) (\S+)$/gm)].map(([, service, hash]) => [service!, hash!])),
    ),
    current: stable(sh`readlink ${CURRENT}`, ({ stdout }) => /^releases\/(\S+)/.exec(stdout)?.[1]),
    runningFile: stable(sh`cat ${CURRENT}/compose.yaml`, ({ code, stdout }) => (code === 0 ? stdout : undefined)),
    isHealthy: live(HEARTBEATS, ({ code }) => code === 0),
  }),
  plan({ release }, { containers, hashes, current, runningFile, isHealthy }) {
    const whys = SERVICES.flatMap((service) => {
      const why = reasonToTouch(service, containers, hashes, runningFile, release.composeFile);
      return why ? [{ service, why }] : [];
    });
    const orphans = containers.filter(({ service }) => !(SERVICES as readonly string[]).includes(service));
    const actions: Action[] = [];
    if (current !== release.digest) {
      actions.push({
        summary: `switch to release ${release.digest}`,
        command: sh`ln -sfn releases/${release.digest} ${CURRENT}.new && mv -T ${CURRENT}.new ${CURRENT}`,
        detail: current ? `${current} ran until now` : "no release runs yet",
      });
    }
    const isTouched = whys.length + orphans.length > 0;
    if (isTouched) {
      actions.push({
        summary:
          whys.length > 0
            ? `start ${whys.map(({ service }) => service).join(", ")}`
            : "remove containers that belong to no service",
        command: sh`${compose(`${CURRENT}/compose.yaml`)} up --detach --remove-orphans --wait --wait-timeout ${HEALTH_TIMEOUT} ${SERVICES}`,
        detail: [
          ...whys.map(({ service, why }) => `${service}: ${why}`),
          ...SERVICES.filter((service) => !whys.some((touched) => touched.service === service)).map(
            (service) => `${service}: kept`,
          ),
          ...orphans.map(({ service }) => `${service}: removed, the release has no such service`),
        ].join("\n"),
      });
    }
    if (!isHealthy || isTouched) actions.push(waitHealthy);
    if (current !== release.digest) actions.push(pruneReleases);
    return actions;
  },
};

function reasonToTouch(
  service: string,
  containers: readonly Container[],
  hashes: ReadonlyMap<string, string>,
  runningFile: string | undefined,
  wantedFile: string,
): string | undefined {
  const container = containers.find((candidate) => candidate.service === service);
  if (!container) return "created, it has no container";
  if (container.hash !== hashes.get(service)) return `recreated, ${whatDiffers(service, runningFile, wantedFile)}`;
  return container.state === "running" ? undefined : `started, its container's state is ${container.state}`;
}

/** Names the settings that changed, not their values. */
function whatDiffers(service: string, before: string | undefined, after: string): string {
  const settings = (text: string): Record<string, unknown> =>
    flatten((parse(text, { merge: true }) as Compose).services[service] ?? {});
  if (before === undefined) return "its settings differ";
  const [old, now] = [settings(before), settings(after)];
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((key) => old[key] !== now[key]);
  return changed.length > 0 ? `changed: ${changed.join(", ")}` : "its container was not made from this compose.yaml";
}

interface Compose {
  readonly services: Record<string, Record<string, unknown>>;
}

function flatten(value: unknown, prefix = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [prefix]: value };
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flatten(inner, prefix ? `${prefix}.${key}` : key)),
  ) as Record<string, unknown>;
}

const HEALTH = `http://127.0.0.1:${AIRFLOW_PORT}/api/v2/monitor/health`;
/** Exits with 0 if the database and the heartbeats of Airflow's three jobs are healthy. Airflow always answers with HTTP 200, so only the JSON counts. */
const HEARTBEATS = sh`health=$(curl -fsS --max-time 5 ${HEALTH}) &&
[ "$(printf %s "$health" | grep -o '"status":"healthy"' | wc -l)" = 4 ]`;

const waitHealthy: Action = {
  summary: "wait for the heartbeats of all services",
  command: sh`deadline=$(($(date +%s) + ${HEALTH_TIMEOUT}))
until { ${HEARTBEATS}; } 2>/dev/null; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "not healthy after ${HEALTH_TIMEOUT} s: $(curl -sS --max-time 5 ${HEALTH} 2>&1)"
    docker ps --all --filter label=com.docker.compose.project=airflow --format '{{.Names}}: {{.Status}}'
    exit 1
  fi
  sleep 0.5
done`,
};

const pruneReleases: Action = {
  summary: "remove old releases",
  command: sh`cd ${RELEASES} && ls -1t | grep -vx "$(basename "$(readlink ${CURRENT})")" | tail -n +4 | xargs -r rm -rf`,
  detail: "the running one and the three before it stay",
};
