import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { Interrupted, UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { sh } from "./base/shell";
import { compose } from "./steps/compose";
import { CURRENT } from "./release/wanted";
import { words } from "./base/words";

/**
 * Airflow's command line, with its words from the first line of standard input: what stands in a command, sudo writes into
 * the host's journal, and every user of the host can see it. The rest of standard input is the command's.
 */
const RUN_AIRFLOW = `import json, os, sys
line = b""
while not line.endswith(b"\\n"):
    line += os.read(0, 1) or sys.exit("the words did not arrive")
sys.argv = ["airflow", *json.loads(line)]
from airflow.__main__ import main
sys.exit(main())`;

runScript(async (deployment, { screen, signals }) => {
  const args = words(process.env["CMD"] ?? "");
  if (args[0] === "airflow") args.shift();
  if (args.length === 0) throw new UserError("no command was given", 'for example: make airflow CMD="dags list"');
  await onMainHost(deployment, async (host) => {
    // The command gets a container of its own: it works while services are down, and can be stopped as a whole. The
    // container is the dag-processor's, which has the DAGs, the database and the Fernet key.
    const name = `airflow-command-${randomBytes(4).toString("hex")}`;
    const run = sh`${compose(`${CURRENT}/compose.yaml`)} run --rm --no-deps --no-TTY --name ${name} dag-processor python -P -c ${RUN_AIRFLOW}`;
    const stdin = Readable.from(input(args), { objectMode: false });
    const work = runAsRoot(host, run, [], { stdin, stdout: screen.output(), stderr: screen.errors() });
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

async function* input(args: readonly string[]): AsyncGenerator<string | Buffer> {
  yield `${JSON.stringify(args)}\n`;
  yield* process.stdin;
}
