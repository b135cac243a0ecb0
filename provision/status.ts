import { withAirflow } from "./api/airflow-api";
import { AirflowStatus, readAirflowStatus } from "./page/airflow-status";
import { UserError } from "./base/errors";
import { readStatus } from "./page/host-status";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";
import { statusPage } from "./page/status-page";

runScript(async (deployment, { screen }) => {
  await onMainHost(deployment, async (host) => {
    const asked = Date.now() / 1000;
    const [status, airflow] = await Promise.all([readStatus(host), airflowStatus()]);
    const page = statusPage(status, airflow, asked);
    for (const line of page.lines) screen.print(line);
    for (const warning of page.warnings) screen.advise(`warning: ${warning}`);
    if (page.problems.length > 0) {
      throw new UserError(
        `not healthy: ${page.problems.join(", ")}`,
        "see make logs; make provision mends what differs",
      );
    }

    /** Airflow's part of the page, or the error that is shown there: a host without Airflow has a status, too. */
    async function airflowStatus(): Promise<AirflowStatus | Error> {
      try {
        const { admin_password } = await readSecrets(deployment);
        return await withAirflow(host, admin_password, readAirflowStatus);
      } catch (error) {
        if (error instanceof UserError) return error;
        throw error;
      }
    }
  });
});
