import { setTimeout as sleep } from "node:timers/promises";
import { findDag, readRun, startRun } from "../../provision/api/dag-run";
import { Life } from "../support/life";

/** What takes too long for every run of make check: LONG=1. */
const life = new Life();
jest.setTimeout(60 * 60_000);
afterAll(() => life.remove(), 5 * 60_000);

const MINUTE = 60_000;
const tenMinutes = `
import time
from airflow.sdk import dag, task

@dag(schedule=None, default_args={"retries": 0})
def ten_minutes():
    @task
    def work():
        time.sleep(600)

    work()

ten_minutes()
`;

test("a task of ten minutes outlives an api-server that is away for five of them", async () => {
  await life.make("demo");
  life.dag("ten_minutes.py", tenMinutes);
  await life.pushDags();
  const run = await life.airflow(async (airflow) => startRun(airflow, await findDag(airflow, "ten_minutes"), {}, true));
  await sleep(2 * MINUTE);
  await life.host("docker kill airflow-api-server-1");
  await sleep(5 * MINUTE);
  await life.make("provision");
  await sleep(4 * MINUTE);
  const { run: ended, tasks } = await life.airflow((airflow) => readRun(airflow, run));
  expect([ended.state, tasks.map(({ state, try_number }) => [state, try_number])]).toEqual([
    "success",
    [["success", 1]],
  ]);
});
