import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { UserError } from "./base/errors";
import { pinnedKeys } from "./link/known-hosts";
import { mainHost } from "./link/main-host";
import { runScript } from "./script";
import { sshArguments } from "./link/ssh-arguments";
import { wayIn } from "./link/way-in";

runScript(async (deployment, { signals }) => {
  const target = mainHost(deployment);
  pinnedKeys(deployment, target);
  const { CMD } = process.env;
  const { sshKey } = deployment.paths;
  const identity = [sshKey, `${sshKey}.pub`].find((file) => existsSync(file));
  const way = wayIn(deployment, target);
  const code = await signals.leaveTo(() => run("ssh", sshArguments(deployment.paths, target, identity, CMD, way)));
  if (code === 255) throw new UserError("ssh failed", "see its own message above; make plan may tell more");
  // Without CMD this was an interactive shell: the exit code of its last command is not a failure.
  if (CMD && code !== 0) throw new UserError(`the command ended with exit code ${code}`);
});

/** Runs a program on this terminal. */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    spawn(program, args, { stdio: "inherit" })
      .once("error", (cause) =>
        reject(new UserError(`cannot run ${program}: ${cause.message}`, "run make setup", { cause })),
      )
      .once("close", (code) => resolve(code ?? 130));
  });
}
