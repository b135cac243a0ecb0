import { Deployment, loadDeployment } from "./deployment/deployment";
import { UserError } from "./base/errors";
import { hasOutputs, readOutputs } from "./link/outputs";
import { clearStatus, say } from "./base/output";

/** The only place that catches. Every verb is `runScript(async (deployment) => …)`. */
export function runScript(verb: (deployment: Deployment) => Promise<void>): void {
  run(verb).catch((error: unknown) => {
    clearStatus();
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
    if (!(error instanceof UserError) || process.env["DEBUG"]) return console.error(error);
    say(`error: ${error.message}`);
    if (error.hint) say(`hint: ${error.hint}`);
  });
}

async function run(verb: (deployment: Deployment) => Promise<void>): Promise<void> {
  const deployment = loadDeployment(process.env["DEPLOYMENT"] || "local");
  say(`${deployment.name}: ${hostsOf(deployment)}`);
  await verb(deployment);
}

/** Names what a verb is about to act on. What is wrong with the file is for the verb to say that needs it. */
function hostsOf(deployment: Deployment): string {
  if (!hasOutputs(deployment)) return "no host yet";
  try {
    return readOutputs(deployment)
      .hosts.map(({ user, address, port }) => `${user}@${address}:${port}`)
      .join(", ");
  } catch {
    return "unknown host";
  }
}
