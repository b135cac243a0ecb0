import { existsSync } from "node:fs";
import { join } from "node:path";
import { runChild } from "./base/child";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { duration } from "./base/text";
import { ROOT } from "./deployment/paths";
import { runScript } from "./script";

/** Runs the verbs that lead from nothing to a running Airflow with a DAG run that succeeded. */
runScript(async (deployment, context) => {
  if (deployment.infrastructure !== "local") {
    throw new UserError(
      `make demo is for a host on this machine, but "${deployment.name}" is elsewhere (infrastructure: ${deployment.infrastructure})`,
      "run the verbs one by one: make help",
    );
  }
  const started = Date.now();
  const hasKeys = existsSync(deployment.paths.sshKey) && existsSync(deployment.paths.ageIdentity);
  if (!hasKeys) await verb(context, "keypair");
  await verb(context, "infrastructure");
  await verb(context, "provision");
  await verb(context, "dags");
  await verb(context, "trigger", { DAG: "canary", PAUSED: "ok" });
  await verb(context, "test");
  context.screen.print(`\nAirflow runs on a host of its own, in ${duration((Date.now() - started) / 1000)}.`);
  context.screen.advise(`What to try next:
  make ui          opens a tunnel to its web UI and says where it is
  make password    the login
  make dags        after an edit in dags/
  make plan        after an edit in deployments/${deployment.name}.yaml; then make provision
  make status      one page of state
  make backup      a verified backup, pulled here
  make teardown    removes it all; keys, secrets and backups stay`);
});

async function verb(context: Context, name: string, parameters: NodeJS.ProcessEnv = {}): Promise<void> {
  const words = Object.entries(parameters).map(([key, value]) => ` ${key}=${value}`);
  context.screen.say(`\n— make ${name}${words.join("")}`);
  const args = [join(ROOT, "run"), name];
  const { code } = await runChild(context, process.execPath, args, {
    env: { ...process.env, ...parameters, AIRFLOW_IN_DEMO: "1" },
    inherit: true,
  });
  if (code !== 0)
    throw new UserError(
      `make ${name} failed`,
      "mend the cause of the error above, then run make demo again: it goes on from there",
    );
}
