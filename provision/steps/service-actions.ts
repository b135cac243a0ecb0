import type { Action } from "../change/planning";
import { Command, lines, sh } from "../base/shell";
import { CURRENT, SERVICES } from "../release/wanted";
import { compose } from "./compose";
import { STAND_IN, Service, containerOf, networksOf } from "./containers";
import { HEALTH_TIMEOUT } from "./heartbeats";

/** The actions that change services; rollout.ts decides which are needed, and in which order. */

const FILE = `${CURRENT}/compose.yaml`;
const SCHEDULER = containerOf("scheduler");
/** Part of the name of a process that runs a task; one that waits for a task is named `LocalExecutor: <idle>`. */
const TASK = "LocalExecutor: [^<]";

const HEALTH = "{{if .State.Health}}{{.State.Health.Status}}{{end}}";

/** Never with --no-deps: compose would leave out `depends_on`, and the container would have another hash than it should. */
const up = (services: readonly string[]): Command =>
  sh`${compose(FILE)} up --detach --wait --wait-timeout ${HEALTH_TIMEOUT} ${services}`;

/**
 * Compose's --wait fails at once because of a service that stays and was ill a moment ago, so it waits only for `services`:
 * for all others the wait for the heartbeats does.
 * @param which `all` also starts a service that has stopped since the plan
 */
export const startServices = (
  services: readonly Service[],
  detail: string,
  which: "all" | "these" = "these",
): Action => ({
  summary: services.length > 0 ? `start ${services.join(", ")}` : "remove containers that belong to no service",
  command: lines(
    ...(which === "all" ? [sh`${compose(FILE)} up --detach --remove-orphans ${SERVICES}`] : []),
    ...(services.length > 0 ? [up(services)] : []),
  ),
  detail,
});

/**
 * Removes a container, unless it has recovered since the plan. One that hangs does not react to a stop, so it gets 10 s only.
 * @param before runs first
 */
function removeBroken(service: Service, before: Command): Command {
  const name = containerOf(service);
  const isWell = `running healthy ${networksOf(service)}`;
  return sh`if [ "$(docker inspect --format ${`{{.State.Status}} ${HEALTH} {{len .NetworkSettings.Networks}}`} ${name})" = ${isWell} ]; then
  echo ${`${service} is healthy again`}
else
  # What is paused cannot end: neither its tasks nor itself.
  docker unpause ${name} > /dev/null 2>&1 || true
  ${before}
  docker stop --time 10 ${name} > /dev/null || true
  docker rm --force ${name} > /dev/null
fi`;
}

/** For services that hang or end again and again, except the scheduler. */
export const removeStuck = (services: readonly Service[], detail: string): Action => ({
  summary: `stop ${services.join(", ")}`,
  command: lines(...services.map((service) => removeBroken(service, sh`:`))),
  detail,
});

/** Stops the scheduler after its tasks have ended. They are processes of their own, and go on if the scheduler hangs. @param limit seconds */
export const stopScheduler = (isStuck: boolean, limit: number, detail: string): Action => ({
  summary: "stop scheduler",
  // After SIGTERM the scheduler itself waits for its tasks.
  command: isStuck
    ? removeBroken("scheduler", waitForTasks(limit))
    : sh`docker stop --time ${limit} ${SCHEDULER} > /dev/null`,
  detail,
});

/**
 * Stops a scheduler that hangs, after its tasks; does nothing if it does not hang. It would not react to an ordinary stop, which
 * would so last as long as tasks may take. @param limit seconds
 */
export const stopHungScheduler = (
  limit: number,
): Command => sh`if [ "$(docker inspect --format ${HEALTH} ${SCHEDULER} 2> /dev/null)" = unhealthy ]; then
  docker unpause ${SCHEDULER} > /dev/null 2>&1 || true
  ${waitForTasks(limit)}
  docker stop --time 10 ${SCHEDULER} > /dev/null
fi`;

const waitForTasks = (limit: number): Command => sh`deadline=$(($(date +%s) + ${limit}))
  # It fails if the container has ended. Docker wants the column pid.
  while processes=$(docker top ${SCHEDULER} -eo pid,args) && printf '%s\\n' "$processes" | grep -q ${TASK}; do
    [ "$(date +%s)" -lt "$deadline" ] || { echo "tasks still run after ${limit} s: they are stopped"; break; }
    sleep 1
  done`;

/**
 * Starts the new api-server before the old one stops: a task that starts while no api-server answers would fail. Only the
 * published port, which a single container can have, is closed for a moment.
 */
export const replaceApiServer = (detail: string): Action => ({
  summary: "start the new api-server beside the old one",
  command: sh`discard() { docker stop --time 30 ${STAND_IN} > /dev/null 2>&1 || true; docker rm --force ${STAND_IN} > /dev/null 2>&1 || true; }
discard
${compose(FILE)} run --detach --no-TTY --no-deps --use-aliases --name ${STAND_IN} api-server
deadline=$(($(date +%s) + ${HEALTH_TIMEOUT}))
until [ "$(docker inspect --format '{{.State.Health.Status}}' ${STAND_IN})" = healthy ]; do
  if [ "$(date +%s)" -ge "$deadline" ] || [ "$(docker inspect --format '{{.State.Running}}' ${STAND_IN})" != true ]; then
    docker logs --tail 20 ${STAND_IN} 2>&1
    discard
    docker ps --all --filter label=com.docker.compose.project=airflow --format '{{.Names}}: {{.Status}}'
    echo "the new api-server does not become healthy: the old one stays"
    exit 1
  fi
  sleep 0.5
done
${up(["api-server"])}
discard`,
  detail,
});

/** Removes containers that were being made when the host lost power: compose could not use their names again. */
export const removeHalfMade = (names: readonly string[]): Action => ({
  summary: "remove half-made containers",
  command: sh`docker rm --force ${names} > /dev/null`,
  detail: names.join("\n"),
});
