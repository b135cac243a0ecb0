import { withAirflow } from "./airflow-api";
import { AirflowStatus, readAirflowStatus } from "./airflow-status";
import { UserError } from "./errors";
import { readStatus } from "./host-status";
import { onMainHost } from "./main-host";
import { print } from "./output";
import { runScript } from "./script";
import { readSecrets } from "./secrets-file";
import { statusPage } from "./status-page";

runScript(async (deployment) => {
  await onMainHost(deployment, async (host) => {
    const asked = Date.now() / 1000;
    const [status, airflow] = await Promise.all([readStatus(host), airflowStatus()]);
    const page = statusPage(status, airflow, asked);
    for (const line of page.lines) print(line);
    for (const warning of page.warnings) print(`warning: ${warning}`);
    if (page.problems.length > 0) {
      throw new UserError(
        `not healthy: ${page.problems.join(", ")}`,
        "see make logs; make provision mends what differs",
      );
    }

    /** A host without Airflow has a status too. */
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
