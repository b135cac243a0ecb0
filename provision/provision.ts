import { finishFirstBoot } from "./first-boot";
import { authorOf, changeHost, planHost } from "./change/change-host";
import { DATA } from "./change/places";
import { runAsRoot } from "./change/root";
import { mainHost } from "./link/main-host";
import { sh } from "./base/shell";
import { duration } from "./base/text";
import { readOutputs } from "./link/outputs";
import { prepare } from "./release/make-wanted";
import { runScript } from "./script";
import { draftSecrets } from "./deployment/secrets-file";
import { askForReaders } from "./deployment/secrets-readers";
import { withHost } from "./link/ssh-host";
import { steps } from "./steps/index";

runScript(async (deployment, context) => {
  const { screen } = context;
  const started = Date.now();
  const target = mainHost(deployment);
  // The secrets are decrypted while the connection is made: both take a while, and neither changes anything.
  const drafting = draftSecrets(deployment);
  drafting.catch(() => undefined);
  await withHost(deployment, target, async (host) => {
    const draft = await drafting;
    await finishFirstBoot(context, host, readOutputs(deployment), authorOf("provision"));
    const found = await planHost(context, host, steps, prepare(deployment, draft.secrets, target, host.loginKey));
    // New secrets are written only now, because planning throws if the host's database was made with others.
    const hasWritten = await draft.keep(askForReaders(context, deployment, "provision"));
    if (hasWritten) screen.say(`wrote ${deployment.paths.secrets}`);
    if (found.plan.length === 0) return screen.print(hasWritten ? "nothing to do on the host" : "nothing to do");
    await changeHost(context, host, found, authorOf("provision"));
    const { code } = await runAsRoot(host, sh`test -e ${DATA}/dags/current`);
    screen.print(`Airflow is up, in ${duration((Date.now() - started) / 1000)}`);
    if (code !== 0) screen.advise("next: make dags");
  });
});
