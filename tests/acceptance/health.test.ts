import { unhealthy } from "../../provision/api/airflow-api";
import { readAirflowStatus } from "../../provision/page/airflow-status";
import { readStatus } from "../../provision/page/host-status";
import { statusPage } from "../../provision/page/status-page";
import { runningDeployment } from "../support/running-deployment";

const running = runningDeployment();

test("every component of Airflow has a heartbeat", async () => {
  expect(unhealthy(await running.airflow((airflow) => airflow.health()))).toEqual([]);
});

test("services, disk, memory and clock are well", async () => {
  const now = Date.now() / 1000;
  const status = await readStatus(running.host);
  const page = statusPage(status, await running.airflow(readAirflowStatus), now);
  expect(page.problems).toEqual([]);
});

test("every DAG can be imported", async () => {
  const errors = await running.airflow((airflow) =>
    airflow.list<{ filename: string }>("/importErrors", "import_errors"),
  );
  expect(errors.map(({ filename }) => filename)).toEqual([]);
});
