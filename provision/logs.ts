import { PassThrough } from "node:stream";
import { withAirflow } from "./api/airflow-api";
import { findDag } from "./api/dag-run";
import { findRun, showLogs } from "./api/task-logs";
import { UserError } from "./base/errors";
import type { Context } from "./base/context";
import { runAsRoot } from "./change/root";
import type { Deployment } from "./deployment/deployment";
import { readSecrets } from "./deployment/secrets-file";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { SortedLogs, logsCommand } from "./page/service-logs";

runScript(async (deployment, context) => {
  const { DAG, TASK, RUN, TRY, SERVICE } = process.env;
  if (!DAG && (TASK || RUN || TRY))
    throw new UserError("TASK, RUN and TRY choose a log of a DAG, but DAG is missing", "like DAG=canary TASK=sing");
  if (DAG && SERVICE) throw new UserError("DAG and SERVICE ask for two kinds of logs", "give one of them");
  await (DAG ? showTaskLogs(deployment, context, DAG) : showServiceLogs(deployment, context));
});

async function showServiceLogs(deployment: Deployment, { screen, signals }: Context): Promise<void> {
  const { SERVICE, FOLLOW, LINES } = process.env;
  const follow = FOLLOW === "1";
  const command = logsCommand(SERVICE, LINES, follow);
  await onMainHost(deployment, async (host) => {
    // The command follows the logs until its input ends, so the input stays open.
    const stdin = follow ? new PassThrough() : undefined;
    const logs = new SortedLogs(screen.output(), LINES === "all" ? Infinity : Number(LINES || 100));
    const shown = runAsRoot(host, command, [], { stdin, stdout: logs, stderr: screen.errors() });
    shown.catch(() => undefined);
    const ended = await signals.orEnd(shown);
    logs.flush();
    if (ended && ended.code !== 0) throw new UserError("docker compose could not show the logs", "run make status");
  });
}

async function showTaskLogs(deployment: Deployment, { screen, signals }: Context, dag: string): Promise<void> {
  const { TASK, RUN, TRY } = process.env;
  if (TRY && !/^[1-9]\d{0,4}$/.test(TRY)) throw new UserError(`TRY=${TRY} is not the number of a try`, "like TRY=1");
  const wanted = { task: TASK || undefined, attempt: TRY ? Number(TRY) : undefined };
  const { admin_password } = await readSecrets(deployment);
  await onMainHost(deployment, (host) =>
    withAirflow(host, admin_password, async (airflow) => {
      const { dag_id } = await findDag(airflow, dag);
      const run = await findRun(airflow, dag_id, RUN);
      screen.say(`${dag_id}: run ${run.dag_run_id}`);
      const stop = new AbortController();
      await signals.orEnd(showLogs(airflow, run, wanted, screen.print, stop.signal));
      stop.abort();
    }),
  );
}
