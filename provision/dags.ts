import { CheckedDags, describeDags, readDags } from "./release/dag-files";
import { runAsRoot } from "./change/read-facts";
import type { Host } from "./link/host";
import { authorOf, changeHost, planHost } from "./change/host-plan";
import { onMainHost } from "./link/main-host";
import { duration, print } from "./base/output";
import { DAGS } from "./deployment/paths";
import { runScript } from "./script";
import { Command, sh } from "./base/shell";
import { CHECKS, dags } from "./steps/dags";
import { DATA } from "./release/wanted";

runScript(async (deployment) => {
  const started = Date.now();
  const release = readDags(process.env["DAGS"] || DAGS);
  await onMainHost(deployment, async (host) => {
    const found = await planHost(host, [dags], release);
    if (found.plan.length === 0) return print("nothing to do");
    const before = await checkedDags(host, sh`"$(basename "$(readlink ${DATA}/dags/current)")"`);
    await changeHost(host, found, authorOf("dags"));
    const after = await checkedDags(host, sh`${release.digest}`);
    print(describeDags(before, after));
    const seconds = duration((Date.now() - started) / 1000);
    print(
      `DAG release ${release.digest} runs, in ${seconds}; next: make trigger DAG=${Object.keys(after)[0]} PAUSED=ok`,
    );
  });
});

/** What the check of a release found; empty where there was none. */
async function checkedDags(host: Host, digest: Command): Promise<CheckedDags> {
  const { code, stdout } = await runAsRoot(host, sh`cat ${CHECKS}/${digest}.json`);
  return code === 0 ? (JSON.parse(stdout) as { dags: CheckedDags }).dags : {};
}
