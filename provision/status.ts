import { withAirflow } from "./api/airflow-api";
import { AirflowStatus, readAirflowStatus } from "./page/airflow-status";
import { pasteable } from "./base/commands";
import { makeContext } from "./base/context";
import { UserError } from "./base/errors";
import { runMain } from "./base/main";
import { Deployment, knownDeployments, loadDeployment } from "./deployment/deployment";
import { readStatus } from "./page/host-status";
import type { Host } from "./link/host";
import { onMainHost } from "./link/main-host";
import { hasOutputs } from "./link/outputs";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";
import { Page, statusPage } from "./page/status-page";

if (process.env["ALL"] === "1") showAll();
else
  runScript(async (deployment, { screen }) => {
    const page = await readPage(deployment);
    for (const line of page.lines) screen.print(line);
    for (const warning of page.warnings) screen.advise(`warning: ${warning}`);
    if (page.problems.length > 0) {
      throw new UserError(
        `not healthy: ${page.problems.join(", ")}`,
        "see make logs; make provision mends what differs",
      );
    }
  });

function readPage(deployment: Deployment): Promise<Page> {
  return onMainHost(deployment, async (host) => {
    const asked = Date.now() / 1000;
    const [status, airflow] = await Promise.all([readStatus(host), airflowStatus(deployment, host)]);
    return statusPage(status, airflow, asked);
  });
}

/** Seconds. An Airflow that lets an operator wait for longer is not well. */
const PATIENCE = 15;

/** Airflow's part of the page, or the error that is shown there: a host without Airflow has a status, too. */
async function airflowStatus(deployment: Deployment, host: Host): Promise<AirflowStatus | Error> {
  try {
    const { admin_password } = await readSecrets(deployment);
    return await withAirflow(host, admin_password, readAirflowStatus, PATIENCE);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** One line for every deployment of this checkout, all asked at once. */
function showAll(): void {
  const context = makeContext();
  runMain(context, async () => {
    const names = knownDeployments().sort();
    const width = Math.max(...names.map((name) => name.length)) + 2;
    const states = await Promise.all(names.map(stateOf));
    names.forEach((name, i) => context.screen.print(`${name.padEnd(width)}${states[i]!.text}`));
    const failed = names.filter((_name, i) => !states[i]!.isHealthy);
    if (failed.length > 0)
      throw new UserError(`not healthy: ${failed.join(", ")}`, `DEPLOYMENT=${failed[0]!} make status says more`);
  });
}

async function stateOf(name: string): Promise<{ readonly text: string; readonly isHealthy: boolean }> {
  try {
    const deployment = loadDeployment(name);
    if (!hasOutputs(deployment)) return { text: "no host yet", isHealthy: true };
    const { problems, warnings, summary } = await readPage(deployment);
    if (problems.length > 0) return { text: `not healthy: ${problems.join(", ")}`, isHealthy: false };
    return { text: pasteable([`healthy: ${summary}`, ...warnings].join("; "), name), isHealthy: true };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { text: error.message.split("\n")[0]!, isHealthy: false };
  }
}
