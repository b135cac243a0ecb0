import { setTimeout as sleep } from "node:timers/promises";
import { AirflowApi, ApiError, path } from "./airflow-api";
import { make } from "../base/commands";
import { UserError } from "../base/errors";
import { printable } from "../base/text";
import { DagRun, TaskInstance, closest, isOver, nameOf, readRun, runPath } from "./dag-run";

/** What stands for a log without a line, as a full disk leaves it. */
export const EMPTY_LOG = "(its log is empty)";

/** The last lines of a task's log, as Airflow keeps them. */
export async function logTail(airflow: AirflowApi, run: DagRun, task: TaskInstance, count = 20): Promise<string[]> {
  const lines = (await readLog(airflow, run, task, task.try_number)).slice(-count);
  return lines.some((line) => line.trim()) ? lines : [EMPTY_LOG];
}

async function readLog(airflow: AirflowApi, run: DagRun, task: TaskInstance, attempt: number): Promise<string[]> {
  const query = `?full_content=true${task.map_index < 0 ? "" : `&map_index=${task.map_index}`}`;
  const log = await airflow.get<{ content: LogEvent[] | string }>(
    `${runPath(run)}${path`/taskInstances/${task.task_id}/logs/${Math.max(1, attempt)}`}${query}`,
  );
  return logLines(log.content);
}

export interface LogEvent {
  readonly event: string;
  readonly timestamp?: string | null;
  readonly level?: string;
  readonly error_detail?: readonly {
    readonly exc_type: string;
    readonly exc_value: string;
    readonly frames?: readonly { readonly filename: string; readonly lineno: number; readonly name: string }[];
  }[];
}

/** Log events as lines of text: `12:00:01 error  Task failed`, with the exception's place and message below. */
export function logLines(content: readonly LogEvent[] | string): string[] {
  if (typeof content === "string") return content.split("\n").map(printable);
  // The group of lines at the top is Airflow's own: it only names the log file.
  const end = content.findIndex(({ event }) => event.startsWith("::endgroup::"));
  return (
    content
      .slice(end + 1)
      // Marks for the UI, which folds what is between them.
      .filter(({ event }) => !/^::(end)?group::/.test(event))
      .flatMap(({ event, timestamp, level, error_detail }) => [
        ...`${/T(\d\d:\d\d:\d\d)/.exec(timestamp ?? "")?.[1] ?? ""} ${level ?? ""} ${event}`.trim().split("\n"),
        ...(error_detail ?? []).flatMap(({ exc_type, exc_value, frames }) => [
          ...(frames ?? []).slice(-3).map(({ filename, lineno, name }) => `    ${filename}:${lineno} in ${name}`),
          ...`    ${exc_type}: ${exc_value}`.split("\n"),
        ]),
      ])
      .map(printable)
  );
}

/** Returns the run that was asked for, or the newest. @throws UserError that names the newest runs if there is no such run */
export async function findRun(airflow: AirflowApi, dag: string, wanted: string | undefined): Promise<DagRun> {
  if (wanted) {
    try {
      return await airflow.get<DagRun>(runPath({ dag_id: dag, dag_run_id: wanted }));
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }
  const newest = path`/dags/${dag}/dagRuns?order_by=-run_after&limit=5`.replace(/%3F/, "?");
  const { dag_runs } = await airflow.get<{ dag_runs: DagRun[] }>(newest);
  if (dag_runs.length === 0)
    throw new UserError(`the DAG ${dag} has not run yet`, `${make`make trigger DAG=${dag}`} runs it`);
  if (!wanted) return dag_runs[0]!;
  throw new UserError(
    `the DAG ${dag} has no run ${wanted}`,
    `its newest runs are ${dag_runs.map(({ dag_run_id }) => dag_run_id).join(", ")}`,
  );
}

/** Which logs of a run are shown. */
export interface WantedLogs {
  /** `load`, for a mapped task with all its instances, or `load[3]`; undefined: all tasks. */
  readonly task?: string;
  /** Which try; undefined: the last one. */
  readonly attempt?: number;
}

const hasLog = ({ state, try_number }: TaskInstance): boolean =>
  try_number > 0 && state !== null && !["scheduled", "queued", "skipped", "upstream_failed", "removed"].includes(state);

const hasEnded = ({ state }: TaskInstance): boolean =>
  ["success", "failed", "skipped", "upstream_failed", "removed"].includes(state ?? "");

/**
 * Shows the logs of a run's tasks, in the order in which they started; what still runs is followed until it has ended.
 * @throws UserError if the run has no such task, or the task no such try
 */
export async function showLogs(
  airflow: AirflowApi,
  run: DagRun,
  { task: name, attempt }: WantedLogs,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const shown = new Shown(print);
  while (!signal.aborted) {
    const asked = Date.now();
    const { run: now, tasks } = await readRun(airflow, run);
    const wanted = name === undefined ? tasks : tasks.filter((task) => name === task.task_id || name === nameOf(task));
    if (wanted.length === 0 && (name !== undefined || isOver(now))) throw noSuchTask(run, name, tasks);
    for (const task of [...wanted].sort(byStart)) {
      for (const ofTry of shown.triesOf(task, attempt)) {
        // The state was read before the log, so the log of an ended try is whole.
        const isWhole = hasEnded(task) || ofTry < task.try_number;
        shown.add(task, ofTry, await readLog(airflow, run, task, ofTry), isWhole);
      }
    }
    if (isOver(now) || (name !== undefined && wanted.every((task) => hasEnded(task) || shown.isWhole(task, attempt))))
      return;
    await sleep(Math.max(1000, 4 * (Date.now() - asked)), undefined, { signal }).catch(() => undefined);
  }
}

/** What has been shown of the logs of tasks. */
class Shown {
  /** Lines, by task and try; Infinity: all that there will ever be. */
  private readonly lines = new Map<string, number>();
  /** The newest try that was shown, by task. */
  private readonly tries = new Map<string, number>();
  private current = "";

  constructor(private readonly print: (line: string) => void) {}

  /** The tries to show next: the one that was asked for, or those from the last one that was shown to the newest. */
  triesOf(task: TaskInstance, attempt: number | undefined): number[] {
    const { try_number } = task;
    if (attempt !== undefined && attempt > Math.max(1, try_number))
      throw new UserError(
        `TRY=${attempt}: ${nameOf(task)} has been tried ${try_number > 1 ? `${try_number} times` : "once"} in this run`,
      );
    const newest = hasLog(task) ? try_number : try_number - 1;
    const from = attempt ?? this.tries.get(nameOf(task)) ?? Math.max(1, newest);
    const count = Math.min(attempt ?? newest, newest) - from + 1;
    return Array.from({ length: Math.max(0, count) }, (_, i) => from + i).filter((ofTry) => !this.isWhole(task, ofTry));
  }

  isWhole(task: TaskInstance, ofTry: number | undefined): boolean {
    return ofTry !== undefined && this.lines.get(titleOf(task, ofTry)) === Infinity;
  }

  /** Shows the lines of a log that have not been shown yet. */
  add(task: TaskInstance, ofTry: number, lines: readonly string[], isWhole: boolean): void {
    const title = titleOf(task, ofTry);
    const before = this.lines.get(title) ?? 0;
    if (this.current !== title && (before === 0 || lines.length > before))
      this.print(`— ${(this.current = title)}: ${ofTry === task.try_number ? task.state! : "tried again"}`);
    for (const line of lines.slice(before)) this.print(line);
    if (isWhole && lines.every((line) => !line.trim())) this.print(EMPTY_LOG);
    this.lines.set(title, isWhole ? Infinity : lines.length);
    this.tries.set(nameOf(task), ofTry);
  }
}

const titleOf = (task: TaskInstance, ofTry: number): string => `${nameOf(task)}, try ${ofTry}`;

const byStart = (a: TaskInstance, b: TaskInstance): number =>
  (a.start_date ?? "~").localeCompare(b.start_date ?? "~") || a.map_index - b.map_index;

function noSuchTask(
  { dag_id, dag_run_id }: DagRun,
  name: string | undefined,
  tasks: readonly TaskInstance[],
): UserError {
  const known = [...new Set(tasks.map(({ task_id }) => task_id))];
  if (name === undefined || known.length === 0) return new UserError(`the run ${dag_run_id} of ${dag_id} has no tasks`);
  return new UserError(
    `the run ${dag_run_id} of ${dag_id} has no task ${name}`,
    `did you mean ${closest(name, known).join(", ")}?`,
  );
}
