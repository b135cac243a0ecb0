import { DEFAULT_DEPLOYMENT } from "./base/commands";
import { Context, makeContext } from "./base/context";
import { runMain } from "./base/main";
import { Deployment, loadDeployment } from "./deployment/deployment";
import { hasOutputs, loginOf, readOutputs } from "./link/outputs";

/** Runs a verb for the deployment that DEPLOYMENT names. The script of every verb calls this once. */
export function runScript(verb: (deployment: Deployment, context: Context) => Promise<void>): void {
  const context = makeContext();
  runMain(context, async () => {
    const deployment = loadDeployment(process.env["DEPLOYMENT"] || DEFAULT_DEPLOYMENT);
    // The verbs of a demo are all about the same host.
    if (!process.env["AIRFLOW_IN_DEMO"]) context.screen.say(`${deployment.name}: ${hostsOf(deployment)}`);
    await verb(deployment, context);
  });
}

/** Names the hosts that a verb is about to act on. A verb that needs a damaged file of outputs reports it itself. */
function hostsOf(deployment: Deployment): string {
  if (!hasOutputs(deployment)) return "no host yet";
  try {
    return readOutputs(deployment).hosts.map(loginOf).join(", ");
  } catch {
    return "unknown host";
  }
}
