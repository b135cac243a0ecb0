import { path } from "../../provision/api/airflow-api";
import { Dag, RunState, findDag, followRun, readRun, startRun } from "../../provision/api/dag-run";
import { logTail } from "../../provision/api/task-logs";
import { sh } from "../../provision/base/shell";
import { DATA } from "../../provision/change/places";
import { runningDeployment } from "../support/running-deployment";

const running = runningDeployment();
const pushed = async (): Promise<string> =>
  (await running.root(sh`basename "$(readlink ${DATA}/dags/current)"`)).trim();

describe("a run of the canary", () => {
  let end: RunState;

  beforeAll(async () => {
    end = await running.airflow(async (airflow) => {
      const dag = await findDag(airflow, "canary");
      const run = await startRun(airflow, dag, { note: "tweet" }, true);
      const { signal } = new AbortController();
      return followRun(
        () => readRun(airflow, run),
        () => undefined,
        signal,
      );
    });
  });

  test("succeeds", () => expect(end.run.state).toBe("success"));

  test("hands over what it made of its parameter", async () => {
    const { dag_id, dag_run_id } = end.run;
    const answer = await running.airflow((airflow) =>
      airflow.get<{ value: string }>(
        path`/dags/${dag_id}/dagRuns/${dag_run_id}/taskInstances/sing/xcomEntries/return_value`,
      ),
    );
    expect(answer.value).toMatch(/tweet tweet tweet/);
  });

  test("leaves a log that can be read", async () => {
    const lines = await running.airflow((airflow) => logTail(airflow, end.run, end.tasks[0]!, 100));
    expect(lines.join("\n")).toContain("the canary sings: tweet tweet tweet");
  });

  test("ran on the DAG release that was pushed last", async () => expect(end.run.bundle_version).toBe(await pushed()));
});

test("Airflow shows the DAG release that was pushed last, for each DAG", async () => {
  const dags = await running.airflow((airflow) => airflow.list<Dag>("/dags", "dags"));
  const version = await pushed();
  expect(dags.filter(({ bundle_version }) => bundle_version !== version).map(({ dag_id }) => dag_id)).toEqual([]);
});
