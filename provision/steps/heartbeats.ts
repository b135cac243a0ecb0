import { AIRFLOW_PORT } from "../deployment/airflow";
import type { Action } from "../change/planning";
import { sh } from "../base/shell";

/** Seconds. */
export const HEALTH_TIMEOUT = 180;

const HEALTH = `http://127.0.0.1:${AIRFLOW_PORT}/api/v2/monitor/health`;
/** Exits with 0 if the database and the heartbeats of Airflow's three jobs are healthy. Airflow always answers with HTTP 200, so only the JSON counts. */
export const HEARTBEATS = sh`health=$(curl -fsS --max-time 10 ${HEALTH}) &&
[ "$(printf %s "$health" | grep -o '"status":"healthy"' | wc -l)" = 4 ]`;

/** Exits with 0 if Docker calls no service starting or unhealthy, as `make status` does. Filters of one kind are alternatives. */
export const NONE_ILL = sh`ill=$(docker ps --quiet --filter label=com.docker.compose.project=airflow --filter label=com.docker.compose.oneoff=False --filter health=starting --filter health=unhealthy) && [ -z "$ill" ]`;

export const waitForHeartbeats: Action = {
  summary: "wait for the heartbeats of all services",
  command: sh`deadline=$(($(date +%s) + ${HEALTH_TIMEOUT}))
until { ${HEARTBEATS} && ${NONE_ILL}; } 2>/dev/null; do
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "not healthy after ${HEALTH_TIMEOUT} s: $(curl -sS --max-time 5 ${HEALTH} 2>&1)"
    docker ps --all --filter label=com.docker.compose.project=airflow --format '{{.Names}}: {{.Status}}'
    exit 1
  fi
  sleep 0.5
done`,
};
