import { Context, makeContext } from "./base/context";
import { runMain } from "./base/main";
import { Deployment, loadDeployment } from "./deployment/deployment";
import { hasOutputs, loginOf, readOutputs } from "./link/outputs";

/** Every verb is `runScript(async (deployment, context) => …)`. */
export function runScript(verb: (deployment: Deployment, context: Context) => Promise<void>): void {
  const context = makeContext();
  runMain(context, async () => {
    const deployment = loadDeployment(process.env["DEPLOYMENT"] || "local");
    context.screen.say(`${deployment.name}: ${hostsOf(deployment)}`);
    await verb(deployment, context);
  });
}

/** Names what a verb is about to act on. What is wrong with the file is for the verb to say that needs it. */
function hostsOf(deployment: Deployment): string {
  if (!hasOutputs(deployment)) return "no host yet";
  try {
    return readOutputs(deployment).hosts.map(loginOf).join(", ");
  } catch {
    return "unknown host";
  }
}
