import { AirflowApi, ApiError } from "../../provision/api/airflow-api";
import {
  DagRun,
  RunState,
  TaskInstance,
  changes,
  closest,
  followRun,
  noSuchDag,
  startRun,
} from "../../provision/api/dag-run";
import { logLines, logTail } from "../../provision/api/task-logs";

const task = (state: string | null, more: Partial<TaskInstance> = {}): TaskInstance => ({
  task_id: "load",
  map_index: -1,
  try_number: 1,
  duration: null,
  state,
  ...more,
});

test.each<[what: string, before: TaskInstance[], after: TaskInstance[], lines: string[]]>([
  ["nothing new", [task("running")], [task("running")], []],
  ["not looked at yet", [], [task(null)], []],
  ["a first state", [], [task("queued")], ["  load: queued"]],
  ["success, with its time", [task("running")], [task("success", { duration: 2.34 })], ["  load: success (2.3 s)"]],
  ["a retry", [task("up_for_retry")], [task("running", { try_number: 2 })], ["  load: running, try 2"]],
  ["a mapped task", [], [task("running", { map_index: 3 })], ["  load[3]: running"]],
  ["another task", [task("success")], [task("success"), task("running", { task_id: "next" })], ["  next: running"]],
  ["control characters", [], [task("\x1b[2Jrunning")], ["  load: running"]],
])("states: %s", (_what, before, after, lines) => expect(changes(before, after)).toEqual(lines));

test.each<[wanted: string, first: string]>([
  ["canray", "canary"],
  ["etl", "example_etl"],
  ["example-etl", "example_etl"],
])("%s: did you mean %s", (wanted, first) => {
  expect(closest(wanted, ["weekly_report", "example_etl", "canary", "zzz"])[0]).toBe(first);
});

describe("a run is started", () => {
  const dag = { dag_id: "etl", is_paused: true, is_stale: false, bundle_version: null };
  /** An Airflow that notes what it is asked, and answers a new run with this. */
  const airflow = (answer: () => Promise<unknown>) => {
    const asked: string[] = [];
    const api = {
      post: (to: string) => (asked.push(`POST ${to}`), answer()),
      patch: async (to: string, body: object) => asked.push(`PATCH ${to} ${JSON.stringify(body)}`),
    } as unknown as AirflowApi;
    return { api, asked };
  };
  const accepted = async () => ({ dag_run_id: "r" });
  const refused = (status: number) => () =>
    Promise.reject(new ApiError(status, "coins: 'x' is not of type 'integer'", "POST x"));

  test("and the DAG is unpaused after that", async () => {
    const { api, asked } = airflow(accepted);
    await startRun(api, dag, {}, true);
    expect(asked).toEqual(["POST /dags/etl/dagRuns", 'PATCH /dags/etl {"is_paused":false}']);
  });

  test("not with a conf that the DAG does not take; the DAG stays paused", async () => {
    const { api, asked } = airflow(refused(400));
    await expect(startRun(api, dag, {}, true)).rejects.toMatchObject({
      message: "Airflow does not start etl: coins: 'x' is not of type 'integer'",
      hint: "compare CONF with the params of the DAG",
    });
    expect(asked).toEqual(["POST /dags/etl/dagRuns"]);
  });

  test.each([
    ["a paused DAG without a word", dag, false, /the DAG etl is paused/],
    ["a DAG that was removed", { ...dag, is_stale: true }, true, /etl is not among the deployed DAGs any more/],
  ])("not of %s", async (_what, which, mayUnpause, message) => {
    const { api, asked } = airflow(accepted);
    await expect(startRun(api, which, {}, mayUnpause)).rejects.toThrow(message);
    expect(asked).toEqual([]);
  });

  test("and what Airflow itself fails at is told as it is", async () => {
    await expect(startRun(airflow(refused(500)).api, dag, {}, true)).rejects.toThrow(/^Airflow answered 500 to POST x/);
  });
});

test("without any DAG the hint is to push some", () => {
  expect(noSuchDag("x", []).hint).toBe("push dags/ with make dags");
});

test("a log's lines: time, level, event, and where an exception came from", () => {
  expect(
    logLines([
      { event: "::group::Log message source details" },
      { event: "/opt/airflow/logs/x.log" },
      { event: "::endgroup::" },
      { event: "two\nlines", timestamp: "2026-01-01T12:00:01.5Z", level: "info" },
      {
        event: "Task failed",
        timestamp: "2026-01-01T12:00:02Z",
        level: "error",
        error_detail: [
          { exc_type: "KeyError", exc_value: "'day'", frames: [{ filename: "/dags/a.py", lineno: 7, name: "load" }] },
        ],
      },
    ]),
  ).toEqual([
    "12:00:01 info two",
    "lines",
    "12:00:02 error Task failed",
    "    /dags/a.py:7 in load",
    "    KeyError: 'day'",
  ]);
});

test("a run is followed to its end, every state of it seen", async () => {
  const run = { dag_id: "d", dag_run_id: "r", start_date: null, end_date: null, bundle_version: null };
  const states: RunState[] = [
    { run: { ...run, state: "queued" }, tasks: [] },
    { run: { ...run, state: "running" }, tasks: [task("running")] },
    { run: { ...run, state: "success" }, tasks: [task("success")] },
  ];
  const seen: string[] = [];
  const reads = [...states];
  const end = await followRun(
    async () => reads.shift()!,
    ({ run }) => seen.push(run.state),
    new AbortController().signal,
  );
  expect([end, seen]).toEqual([states[2], ["queued", "running", "success"]]);
});

test.each([[[]], [""], [[{ event: "::endgroup::" }]]])("a log that holds nothing, %j, is said to", async (content) => {
  const airflow = { get: async () => ({ content }) } as unknown as AirflowApi;
  const [run, task] = [{ dag_id: "x", dag_run_id: "y" } as DagRun, { task_id: "t", map_index: -1 } as TaskInstance];
  expect(await logTail(airflow, run, task)).toEqual(["(its log is empty)"]);
});
