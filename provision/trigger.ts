import { persistently, withAirflow } from "./api/airflow-api";
import { readConf } from "./api/dag-conf";
import { DagRun, RunState, TaskInstance, changes, findDag, followRun, nameOf, readRun, startRun } from "./api/dag-run";
import { EMPTY_LOG, logTail } from "./api/task-logs";
import { make } from "./base/commands";
import { Interrupted, UserError } from "./base/errors";
import type { AirflowApi } from "./api/airflow-api";
import { HostUnreachable, LinkLost } from "./link/ssh-errors";
import { onMainHost } from "./link/main-host";
import { duration } from "./base/text";
import type { Screen } from "./base/screen";
import { runScript } from "./script";
import { runAddress } from "./deployment/ui-address";
import { readSecrets } from "./deployment/secrets-file";

runScript(async (deployment, { screen, signals }) => {
  const { DAG, CONF, PAUSED } = process.env;
  if (!DAG) throw new UserError("no DAG was named", "for example: make trigger DAG=canary");
  const conf = readConf(CONF);
  const { admin_password } = await readSecrets(deployment);
  await onMainHost(deployment, (host) =>
    withAirflow(host, admin_password, async (airflow) => {
      const run = await startRun(airflow, await findDag(airflow, DAG), conf, PAUSED === "ok");
      screen.print(`${run.dag_id}: run ${run.dag_run_id}`);
      const address = runAddress(deployment, run.dag_id, run.dag_run_id);
      if (address) screen.advise(`  while make ui is open: ${address}`);
      const lost = (error: unknown): void => {
        const isLink = error instanceof LinkLost || error instanceof HostUnreachable;
        const what = isLink ? `lost the connection to ${host.name}` : `Airflow on ${host.name} does not answer`;
        screen.say(`${what}: the run goes on there; asking again`);
      };
      const slow = (): void => screen.say(`no answer from ${host.name} for 10 s: the run goes on there; waiting`);
      let seen: readonly TaskInstance[] = [];
      const end = await signals.orThrow(
        () =>
          new Interrupted(
            `no longer following: the run ${run.dag_run_id} of ${run.dag_id} goes on`,
            make`follow its logs: make logs DAG=${run.dag_id} RUN=${run.dag_run_id}`,
          ),
        (stop) =>
          followRun(
            () => persistently(host, () => readRun(airflow, run), { lost, slow }, stop),
            ({ tasks }) => {
              for (const line of changes(seen, tasks)) screen.print(line);
              seen = tasks;
            },
            stop,
          ),
      );
      if (end.run.state !== "success") throw await failure(screen, airflow, end);
      screen.print(`${run.dag_id} succeeded${secondsOf(end.run)}`);
    }),
  );
});

async function failure(screen: Screen, airflow: AirflowApi, { run, tasks }: RunState): Promise<UserError> {
  const failed = tasks.filter(({ state }) => state === "failed");
  let isUnlogged = false;
  for (const task of failed.slice(0, 3)) {
    screen.say(`last lines of ${nameOf(task)}, try ${task.try_number}:`);
    const lines = await logTail(airflow, run, task).catch((error: Error) => [`(no log: ${error.message})`]);
    if (lines[0] === EMPTY_LOG) isUnlogged = true;
    for (const line of lines) screen.say(`  ${line}`);
  }
  const which = failed.length > 0 ? `: ${failed.map(nameOf).join(", ")}` : ", although none of its tasks failed";
  return new UserError(
    `the run ${run.dag_run_id} of ${run.dag_id} failed${which}`,
    isUnlogged
      ? "a full disk keeps no log: see make status, and make logs SERVICE=scheduler"
      : make`see the whole log: make logs DAG=${run.dag_id} RUN=${run.dag_run_id}` +
          (failed[0] ? make` TASK=${failed[0].task_id}` : ""),
  );
}

const secondsOf = ({ start_date, end_date }: DagRun): string =>
  start_date && end_date ? `, in ${duration((Date.parse(end_date) - Date.parse(start_date)) / 1000)}` : "";
