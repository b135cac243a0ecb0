import { readDags } from "./release/dag-files";
import { CheckedDags, DagRelease, describeDags } from "./release/dag-release";
import { runAsRoot } from "./change/root";
import type { Host } from "./link/host";
import { authorOf, changeHost, planHost } from "./change/change-host";
import { onMainHost } from "./link/main-host";
import { duration } from "./base/text";
import { DAGS } from "./deployment/paths";
import { runScript } from "./script";
import { Command, sh } from "./base/shell";
import { clock } from "./steps/clock";
import { CHECKS, dags } from "./steps/dags";
import { DATA } from "./change/places";

runScript(async (deployment, context) => {
  const { screen } = context;
  const started = Date.now();
  const release = readDags(process.env["DAGS"] || DAGS);
  await onMainHost(deployment, async (host) => {
    const found = await planHost<DagRelease & { clock: number }>(context, host, [clock, dags], {
      ...release,
      isVerbose: Boolean(process.env["VERBOSE"]),
      clock: Date.now() / 1000,
    });
    if (found.plan.length === 0) return screen.print("nothing to do");
    const before = await checkedDags(host, sh`"$(basename "$(readlink ${DATA}/dags/current)")"`);
    await changeHost(context, host, found, authorOf("dags"));
    const after = await checkedDags(host, sh`${release.digest}`);
    screen.print(describeDags(before, after));
    const [first] = Object.keys(after);
    const next = first ? `; next: make trigger DAG=${first} PAUSED=ok` : "";
    screen.print(`DAG release ${release.digest} runs now, after ${duration((Date.now() - started) / 1000)}${next}`);
  });
});

/** What the check of a release found; empty if it was never checked. */
async function checkedDags(host: Host, digest: Command): Promise<CheckedDags> {
  const { code, stdout } = await runAsRoot(host, sh`cat ${CHECKS}/${digest}.json`);
  return code === 0 ? (JSON.parse(stdout) as { dags: CheckedDags }).dags : {};
}
