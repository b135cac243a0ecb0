import { randomBytes } from "node:crypto";
import { Interrupted, UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { sh } from "./base/shell";
import { compose } from "./steps/compose";
import { CURRENT } from "./release/wanted";
import { words } from "./base/words";

runScript(async (deployment, { screen, signals }) => {
  const args = words(process.env["CMD"] ?? "");
  if (args[0] === "airflow") args.shift();
  if (args.length === 0) throw new UserError("no command was given", 'for example: make airflow CMD="dags list"');
  await onMainHost(deployment, async (host) => {
    // The command gets a container of its own: it works while services are down, and can be stopped as a whole. The
    // container is the dag-processor's, which has the DAGs, the database and the Fernet key.
    const name = `airflow-command-${randomBytes(4).toString("hex")}`;
    const run = sh`${compose(`${CURRENT}/compose.yaml`)} run --rm --no-deps --no-TTY --name ${name} dag-processor airflow ${args}`;
    const work = runAsRoot(host, run, [], { stdin: process.stdin, stdout: screen.output(), stderr: screen.errors() });
    let interrupted = false;
    try {
      const { code } = await signals.orThrow(
        () => ((interrupted = true), new Interrupted("interrupted: the command is stopped")),
        () => work,
      );
      if (code !== 0) throw new UserError(`airflow ${args[0]!} ended with exit code ${code}`);
    } finally {
      if (interrupted) await runAsRoot(host, sh`docker stop --time 5 ${name}`).catch(() => undefined);
      process.stdin.destroy();
    }
  });
});
