import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { path, withAirflow } from "../../provision/api/airflow-api";
import { DagRun, findDag, startRun } from "../../provision/api/dag-run";
import { Command, sh } from "../../provision/base/shell";
import { runAsRoot } from "../../provision/change/root";
import type { Deployment } from "../../provision/deployment/deployment";
import { ROOT } from "../../provision/deployment/paths";
import { readSecrets } from "../../provision/deployment/secrets-file";
import type { Host } from "../../provision/link/host";
import { onMainHost } from "../../provision/link/main-host";

/** What starts the scheduler: Airflow's own command, or what is deployed. */
export type Scheduler = "stock" | "ours";

/** One run of many short tasks, none of which waits for another. */
export interface Figures {
  /** From the first start to the last end. */
  readonly tasksPerSecond: number;
  /** Seconds between one task's start and the next one's: the longest, while some waited all the time. */
  readonly longestPause: number;
}

const DAG = "bench_short_tasks";
const dag = (tasks: number): string => `from airflow.sdk import dag, task

@dag(schedule=None, max_active_tasks=${tasks}, tags=["bench"])
def ${DAG}():
    @task
    def short(number): pass
    short.expand(number=list(range(${tasks})))

${DAG}()
`;

/**
 * Pushes a DAG of its own from `folder`, in place of those that are there, and runs it under both schedulers in turn. The
 * deployed one is left behind. Returns medians.
 */
export async function shortTasks(
  deployment: Deployment,
  folder: string,
  { tasks = 100, parallelism = 8, rounds = 3 } = {},
): Promise<Record<Scheduler, Figures>> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${DAG}.py`), dag(tasks));
  push(folder);
  const { admin_password } = await readSecrets(deployment);
  const seen: Record<Scheduler, Figures[]> = { stock: [], ours: [] };
  await onMainHost(deployment, async (host) => {
    try {
      for (let round = 0; round < rounds; round++)
        for (const scheduler of ["stock", "ours"] as const) {
          await startScheduler(host, scheduler, parallelism);
          await runOnce(host, admin_password); // the first run of a scheduler warms its caches
          seen[scheduler].push(await figuresOf(host, await runOnce(host, admin_password)));
        }
    } finally {
      await root(host, compose("up --detach --no-deps --wait scheduler"));
    }
  });
  return { stock: medians(seen.stock), ours: medians(seen.ours) };
}

/** Pushes a folder, and confirms it if it removes DAGs. */
function push(folder: string, confirm?: string): void {
  const env = { ...process.env, DAGS: folder, ...(confirm && { CONFIRM: confirm }) };
  const { status, stderr } = spawnSync(process.execPath, ["run", "dags"], { cwd: ROOT, env, encoding: "utf8" });
  if (status === 0) return;
  const answer = /^hint: run .*CONFIRM=(\S+) make dags/m.exec(stderr)?.[1];
  if (!answer || confirm) throw new Error(`make dags failed:\n${stderr}`);
  push(folder, answer);
}

/** Both get the same settings; stock Airflow is started by its own command. */
async function startScheduler(host: Host, scheduler: Scheduler, parallelism: number): Promise<void> {
  const service = {
    environment: { AIRFLOW__CORE__PARALLELISM: String(parallelism) },
    ...(scheduler === "stock" && { command: ["airflow", "scheduler", "--skip-serve-logs"] }),
  };
  const file = JSON.stringify({ services: { scheduler: service } });
  await root(host, sh`printf %s ${file} > /run/bench-scheduler.json`);
  await root(host, compose("-f /run/bench-scheduler.json up --detach --no-deps --force-recreate --wait scheduler"));
}

const compose = (words: string): Command =>
  new Command(`cd /srv/airflow/current && docker compose --project-directory . -f compose.yaml ${words} 2>&1`);

/** Returns the run's id. Its tasks are not asked for while it runs: that would be work of its own. */
async function runOnce(host: Host, password: string): Promise<string> {
  return withAirflow(host, password, async (airflow) => {
    const { dag_run_id: id } = await startRun(airflow, await findDag(airflow, DAG), {}, true);
    for (;;) {
      await sleep(500);
      const run = await airflow.get<DagRun>(path`/dags/${DAG}/dagRuns/${id}`);
      if (run.state === "failed") throw new Error(`the run ${id} of ${DAG} failed`);
      if (run.state === "success") return id;
    }
  });
}

async function figuresOf(host: Host, run: string): Promise<Figures> {
  const query = `select extract(epoch from start_date), extract(epoch from end_date) from task_instance where dag_id = '${DAG}' and run_id = '${run}' order by start_date`;
  const rows = await root(
    host,
    sh`docker exec airflow-postgres-1 psql -U airflow -d airflow -At -F ${" "} -c ${query}`,
  );
  const times = rows
    .trim()
    .split("\n")
    .map((row) => row.split(" ").map(Number) as [number, number]);
  const starts = times.map(([start]) => start);
  return {
    tasksPerSecond: times.length / (Math.max(...times.map(([, end]) => end)) - starts[0]!),
    longestPause: Math.max(...starts.slice(1).map((start, i) => start - starts[i]!)),
  };
}

async function root(host: Host, command: Command): Promise<string> {
  const { code, stdout, stderr } = await runAsRoot(host, command);
  if (code !== 0) throw new Error(`${command.text} failed:\n${stderr}${stdout}`);
  return stdout;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const medians = (runs: readonly Figures[]): Figures => ({
  tasksPerSecond: median(runs.map(({ tasksPerSecond }) => tasksPerSecond)),
  longestPause: median(runs.map(({ longestPause }) => longestPause)),
});
