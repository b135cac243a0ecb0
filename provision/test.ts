import { join } from "node:path";
import { runChild } from "./base/child";
import { Interrupted, UserError } from "./base/errors";
import { mainHost } from "./link/main-host";
import { ROOT } from "./deployment/paths";
import { runScript } from "./script";

/** Runs the acceptance tests on the running deployment. In production they are harmless: one run of the canary DAG. */
runScript(async (deployment, context) => {
  mainHost(deployment);
  const jest = join(ROOT, "node_modules/.bin/jest");
  const args = [
    "--selectProjects",
    "acceptance",
    "--runInBand",
    "--verbose",
    ...(process.env["TEST"] ? ["-t", process.env["TEST"]] : []),
  ];
  const { code } = await runChild(context, jest, args, {
    env: { ...process.env, DEPLOYMENT: deployment.name },
    cwd: ROOT,
    inherit: true,
  }).catch((error: unknown) => {
    throw error instanceof Interrupted ? new Interrupted("the tests were interrupted") : error;
  });
  if (code !== 0)
    throw new UserError(
      `${deployment.name} did not pass its acceptance tests: see above`,
      "run make status and make plan",
    );
});
