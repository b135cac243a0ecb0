import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { Interrupted, UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { Command, sh } from "./base/shell";
import { compose } from "./steps/compose";
import { CURRENT } from "./release/wanted";
import { containerOf } from "./steps/containers";
import { words } from "./base/words";

const DAG_PROCESSOR = containerOf("dag-processor");

/**
 * Airflow's command line, with its words from the first line of standard input: what stands in a command, sudo writes into
 * the host's journal, and every user of the host can see it. The rest of standard input is the command's; as a word, `@-`
 * stands for all of it. If memory runs out, the kernel ends the command, not the service in whose container it runs.
 */
const RUN_AIRFLOW = `import json, os, sys, warnings
with open("/proc/self/oom_score_adj", "w") as score: score.write("1000")
line = b""
while not line.endswith(b"\\n"):
    line += os.read(0, 1) or sys.exit("the words did not arrive")
words = json.loads(line)
if "@-" in words: rest = sys.stdin.read().rstrip("\\n")
sys.argv = ["airflow", *(rest if word == "@-" else word for word in words)]
warnings.filterwarnings("ignore", message="Could not import graphviz")
from airflow.__main__ import main
sys.exit(main())`;

/** Ends the processes in a container whose last argument is this name: at first kindly. */
const END = `import os, signal, sys, time
def found():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try: words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
        except OSError: continue
        if int(pid) != os.getpid() and words[-2:-1] == [sys.argv[1].encode()]: yield int(pid)
for wanted in [signal.SIGTERM] + [0] * 50 + [signal.SIGKILL]:
    for pid in found(): os.kill(pid, wanted)
    time.sleep(0.1)
    if not any(found()): break`;

/**
 * Runs Airflow's command line in the dag-processor's container, which has the DAGs, the database and the Fernet key; if that
 * is down, in a container of its own, which takes a second more.
 */
const command = (name: string): Command => {
  const python = sh`python -P -c ${RUN_AIRFLOW} ${name}`;
  return sh`if [ "$(docker container inspect --format '{{.State.Running}}' ${DAG_PROCESSOR} 2>/dev/null)" = true ]
then exec docker exec --interactive ${DAG_PROCESSOR} ${python}
else exec ${compose(`${CURRENT}/compose.yaml`)} run --rm --no-deps --no-TTY --name ${name} dag-processor ${python}
fi`;
};

const stop = (name: string): Command =>
  sh`docker stop --time 5 ${name} 2>/dev/null || docker exec ${DAG_PROCESSOR} python -P -c ${END} ${name}`;

runScript(async (deployment, { screen, signals }) => {
  const args = words(process.env["CMD"] ?? "");
  if (args[0] === "airflow") args.shift();
  if (args.length === 0) throw new UserError("no command was given", 'for example: make airflow CMD="dags list"');
  await onMainHost(deployment, async (host) => {
    const name = `airflow-command-${randomBytes(4).toString("hex")}`;
    const stdin = Readable.from(input(args), { objectMode: false });
    screen.status(`airflow ${args[0]!} runs on ${host.name} …`);
    const work = runAsRoot(host, command(name), [], { stdin, stdout: screen.output(), stderr: screen.errors() });
    let interrupted = false;
    try {
      const { code } = await signals.orThrow(
        () => ((interrupted = true), new Interrupted("interrupted: the command is stopped")),
        () => work,
      );
      if (code !== 0) throw new UserError(`airflow ${args[0]!} ended with exit code ${code}`);
    } finally {
      screen.clearStatus();
      if (interrupted) await runAsRoot(host, stop(name)).catch(() => undefined);
      process.stdin.destroy();
    }
  });
});

async function* input(args: readonly string[]): AsyncGenerator<string | Buffer> {
  yield `${JSON.stringify(args)}\n`;
  yield* process.stdin;
}
