import { spawn } from "node:child_process";
import { join } from "node:path";
import { Interrupted, UserError } from "./base/errors";
import { mainHost } from "./link/main-host";
import { ROOT } from "./deployment/paths";
import { runScript } from "./script";

/** The acceptance tests, against the deployment as it runs: harmless in production, one run of the canary DAG. */
runScript(async (deployment) => {
  mainHost(deployment);
  const jest = join(ROOT, "node_modules/.bin/jest");
  const args = [
    "--selectProjects",
    "acceptance",
    "--runInBand",
    "--verbose",
    ...(process.env["TEST"] ? ["-t", process.env["TEST"]] : []),
  ];
  const signal = { came: false };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => (signal.came = true));
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn(jest, args, {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, DEPLOYMENT: deployment.name },
    });
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.once("error", (cause) =>
      reject(new UserError(`cannot run jest: ${cause.message}`, "run make setup", { cause })),
    );
    child.once("close", (exitCode) => resolve(exitCode ?? 1));
  });
  if (signal.came) throw new Interrupted("interrupted");
  if (code !== 0)
    throw new UserError(
      `${deployment.name} did not pass its acceptance tests: see above`,
      "run make status and make plan",
    );
});
