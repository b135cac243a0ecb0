import { answerTo, confirmName } from "./base/confirm";
import { make } from "./base/commands";
import type { Context } from "./base/context";
import type { Deployment } from "./deployment/deployment";
import { dagFolderOf, readDags } from "./release/dag-files";
import { CheckedDags, DagRelease, describeDags, doubtsAbout } from "./release/dag-release";
import { runAsRoot } from "./change/root";
import type { Host } from "./link/host";
import { authorOf, changeHost, planHost } from "./change/change-host";
import { onMainHost } from "./link/main-host";
import { duration } from "./base/text";
import { runScript } from "./script";
import { Command, sh } from "./base/shell";
import { clock } from "./steps/clock";
import { CURRENT_DIGEST, checkOf, dags } from "./steps/dags";

runScript(async (deployment, context) => {
  const { screen } = context;
  const started = Date.now();
  const release = readDags(dagFolderOf(deployment));
  await onMainHost(deployment, async (host) => {
    const found = await planHost<DagRelease & { clock: number }>(context, host, [clock, dags], {
      ...release,
      isVerbose: Boolean(process.env["VERBOSE"]),
      clock: Date.now() / 1000,
    });
    if (found.plan.length === 0) return screen.print("nothing to do");
    const before = await checkedDags(host, CURRENT_DIGEST);
    await askForDoubts(context, deployment, release, before);
    await changeHost(context, host, found, authorOf("dags"));
    const after = await checkedDags(host, sh`${release.digest}`);
    screen.print(describeDags(before, after));
    const added = Object.keys(after).find((id) => before[id] === undefined);
    screen.print(`DAG release ${release.digest} runs now, after ${duration((Date.now() - started) / 1000)}`);
    if (added) screen.advise(make`next: make trigger DAG=${added} PAUSED=ok`);
  });
});

/** @throws UserError unless a push that may be a mistake is confirmed */
async function askForDoubts(
  context: Context,
  { name }: Deployment,
  release: DagRelease,
  before: CheckedDags,
): Promise<void> {
  const doubts = doubtsAbout(release, before);
  if (doubts.length === 0) return;
  context.screen.say("this push");
  for (const doubt of doubts) context.screen.say(`  ${doubt}`);
  const folder = process.env["DAGS"];
  const verb = folder ? `dags DAGS=${sh`${folder}`.text}` : "dags";
  await confirmName(context, { name, answer: answerTo(name, doubts), verb });
}

async function checkedDags(host: Host, digest: Command): Promise<CheckedDags> {
  const fact = checkOf(digest);
  return fact.parse(await runAsRoot(host, fact.command));
}
