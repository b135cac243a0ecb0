import { distance } from "fastest-levenshtein";
import { setTimeout as sleep } from "node:timers/promises";
import { AirflowApi, ApiError, path } from "./airflow-api";
import { UserError } from "../base/errors";
import { duration, printable } from "../base/text";

export interface Dag {
  readonly dag_id: string;
  readonly is_paused: boolean;
  /** It was in a release, and is in none now. */
  readonly is_stale: boolean;
  readonly bundle_version: string | null;
}

export interface DagRun {
  readonly dag_id: string;
  readonly dag_run_id: string;
  readonly state: "queued" | "running" | "success" | "failed";
  readonly start_date: string | null;
  readonly end_date: string | null;
  readonly bundle_version: string | null;
}

export interface TaskInstance {
  readonly task_id: string;
  /** -1 if the task is not mapped. */
  readonly map_index: number;
  readonly try_number: number;
  /** null before the scheduler has looked at it. */
  readonly state: string | null;
  /** Seconds. */
  readonly duration: number | null;
  readonly start_date?: string | null;
}

/** @throws UserError with the closest ids if there is no such DAG */
export async function findDag(airflow: AirflowApi, id: string): Promise<Dag> {
  try {
    return await airflow.get<Dag>(path`/dags/${id}`);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
    const known = await airflow.list<Dag>("/dags", "dags");
    throw noSuchDag(
      id,
      known.map(({ dag_id }) => dag_id),
    );
  }
}

export function noSuchDag(id: string, known: readonly string[]): UserError {
  const message = `there is no DAG ${id}`;
  if (known.length === 0) return new UserError(`${message}: Airflow has no DAGs yet`, "push dags/ with make dags");
  return new UserError(message, `did you mean ${closest(id, known).join(", ")}? make dags pushes new ones`);
}

/** The three closest ids at most, the best one first. An id that contains what was typed counts as closest. */
export function closest(wanted: string, known: readonly string[]): string[] {
  const score = (id: string): number => (id.includes(wanted) ? 0 : distance(wanted, id));
  return [...known].sort((a, b) => score(a) - score(b) || (a < b ? -1 : 1)).slice(0, 3);
}

/**
 * Starts a run, and unpauses the DAG only after Airflow has accepted it.
 * @throws UserError if the DAG is not among the deployed ones any more, is paused, or does not take the `conf`
 */
export async function startRun(airflow: AirflowApi, dag: Dag, conf: object, mayUnpause: boolean): Promise<DagRun> {
  const id = dag.dag_id;
  if (dag.is_stale)
    throw new UserError(`the DAG ${id} is not among the deployed DAGs any more`, "push it again with make dags");
  if (dag.is_paused && !mayUnpause)
    throw new UserError(`the DAG ${id} is paused: its run would wait for ever`, "add PAUSED=ok to unpause it");
  const run = await airflow
    .post<DagRun>(path`/dags/${id}/dagRuns`, { logical_date: null, conf })
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && [400, 422].includes(error.status))) throw error;
      throw new UserError(`Airflow does not start ${id}: ${error.detail}`, "compare CONF with the params of the DAG");
    });
  if (dag.is_paused) await airflow.patch(path`/dags/${id}`, { is_paused: false });
  return run;
}

export const runPath = ({ dag_id, dag_run_id }: Pick<DagRun, "dag_id" | "dag_run_id">): string =>
  path`/dags/${dag_id}/dagRuns/${dag_run_id}`;

export interface RunState {
  readonly run: DagRun;
  readonly tasks: readonly TaskInstance[];
}

/** The run is read before its tasks: if it has ended, the states of the tasks are final. */
export async function readRun(airflow: AirflowApi, started: DagRun): Promise<RunState> {
  const run = await airflow.get<DagRun>(runPath(started));
  return { run, tasks: await airflow.list<TaskInstance>(`${runPath(started)}/taskInstances`, "task_instances") };
}

export const isOver = ({ state }: DagRun): boolean => state === "success" || state === "failed";

/** Reads a run until it is over; `see` gets every state of it. */
export async function followRun(
  read: () => Promise<RunState>,
  see: (state: RunState) => void,
  signal: AbortSignal,
): Promise<RunState> {
  const began = Date.now();
  for (;;) {
    const asked = Date.now();
    const state = await read();
    signal.throwIfAborted();
    see(state);
    if (isOver(state.run)) return state;
    // It asks often at first, and less often later or if answers are slow: Airflow needs the time for its tasks.
    const took = Date.now() - asked;
    await sleep(Math.min(5000, Math.max(asked - began < 10_000 ? 100 : 500, 4 * took)));
  }
}

/** One line for each task whose state has changed. */
export function changes(before: readonly TaskInstance[], after: readonly TaskInstance[]): string[] {
  const known = new Map(before.map((task) => [nameOf(task), stateOf(task)]));
  return after.flatMap((task) => {
    const state = stateOf(task);
    if (!task.state || known.get(nameOf(task)) === state) return [];
    const took = task.duration !== null && task.state === "success" ? ` (${duration(task.duration)})` : "";
    return [printable(`  ${nameOf(task)}: ${state}${took}`)];
  });
}

export const nameOf = ({ task_id, map_index }: TaskInstance): string =>
  map_index < 0 ? task_id : `${task_id}[${map_index}]`;
const stateOf = ({ state, try_number }: TaskInstance): string =>
  `${state}${try_number > 1 ? `, try ${try_number}` : ""}`;
