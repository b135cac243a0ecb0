import type { AirflowApi } from "../../provision/api/airflow-api";
import type { DagRun, TaskInstance } from "../../provision/api/dag-run";
import { WantedLogs, showLogs } from "../../provision/api/task-logs";

const run = { dag_id: "d", dag_run_id: "r", state: "running" } as DagRun;
const task = (task_id: string, state: string | null, more: Partial<TaskInstance> = {}): TaskInstance => ({
  task_id,
  state,
  map_index: -1,
  try_number: 1,
  duration: null,
  start_date: "2026-01-01T00:00:00Z",
  ...more,
});

interface Moment {
  readonly run: DagRun["state"];
  readonly tasks: readonly TaskInstance[];
  /** Lines, by task and try. */
  readonly logs: Readonly<Record<string, readonly string[]>>;
}

/** An Airflow that is in another state each time it is asked for the run. */
function airflowIn(moments: readonly Moment[]): AirflowApi {
  let now = -1;
  return {
    get: async (path: string) => {
      const [, id, attempt] = /taskInstances\/(\w+)\/logs\/(\d+)/.exec(path) ?? [];
      if (!id) return { ...run, state: moments[(now = Math.min(now + 1, moments.length - 1))]!.run };
      return { content: (moments[now]!.logs[`${id} ${attempt}`] ?? []).map((event) => ({ event })) };
    },
    list: async () => moments[now]!.tasks,
  } as unknown as AirflowApi;
}

async function shown(moments: readonly Moment[], wanted: WantedLogs = {}): Promise<string[]> {
  const lines: string[] = [];
  await showLogs(airflowIn(moments), run, wanted, (line) => lines.push(line), new AbortController().signal);
  return lines;
}

const ended: Moment = {
  run: "success",
  tasks: [
    task("late", "success", { start_date: "2026-01-01T00:00:09Z", try_number: 2 }),
    task("early", "success"),
    task("never", "skipped", { try_number: 0 }),
  ],
  logs: { "early 1": ["a"], "late 1": ["failed"], "late 2": ["b", "c"] },
};

test("the logs of a run that has ended: the last try of each task, in the order of their starts", async () =>
  expect(await shown([ended])).toEqual(["— early, try 1: success", "a", "— late, try 2: success", "b", "c"]));

test("one task, one try", async () =>
  expect(await shown([ended], { task: "late", attempt: 1 })).toEqual(["— late, try 1: tried again", "failed"]));

test.each<[WantedLogs, string]>([
  [{ task: "lte" }, "the run r of d has no task lte"],
  [{ task: "late", attempt: 3 }, "TRY=3: late has been tried 2 times in this run"],
])("%j is refused", async (wanted, message) => expect(shown([ended], wanted)).rejects.toThrow(message));

test("a running task is followed, each line shown once, over its tries", async () => {
  const at = (state: string, try_number: number, logs: Moment["logs"], of: DagRun["state"] = "running"): Moment => ({
    run: of,
    tasks: [task("load", state, { try_number })],
    logs,
  });
  const moments = [
    at("queued", 1, {}),
    at("running", 1, { "load 1": ["one"] }),
    at("running", 2, { "load 1": ["one", "two"], "load 2": ["three"] }),
    at("success", 2, { "load 1": ["one", "two"], "load 2": ["three", "four"] }, "success"),
  ];
  expect(await shown(moments)).toEqual([
    "— load, try 1: running",
    "one",
    "two",
    "— load, try 2: running",
    "three",
    "four",
  ]);
});

test("a log without a line is said to be empty", async () =>
  expect(await shown([{ run: "failed", tasks: [task("x", "failed")], logs: {} }])).toEqual([
    "— x, try 1: failed",
    "(its log is empty)",
  ]));
