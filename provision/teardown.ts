import { rmSync, existsSync } from "node:fs";
import { join } from "node:path";
import { findInstances } from "./aws/aws";
import { checkAws, leftovers, requireFreshBackup, tagsOf } from "./aws/aws-checks";
import { holdingSignals } from "./base/child";
import { confirmLosses } from "./stacks/confirm";
import type { AwsDeployment, Deployment } from "./deployment/deployment";
import { UserError } from "./base/errors";
import { localNames, readLocalHost, readLocalVolume, removeLocal, volumeSizes } from "./local/local-docker";
import { ask, canAsk, duration, print, say, size } from "./base/output";
import { runScript } from "./script";
import { STACKS, Stack, applyInfrastructure } from "./stacks/terraform-plan";

runScript(async (deployment) => {
  const keepsData = process.env["KEEP_DATA"] === "1";
  const stacks: readonly Stack[] = keepsData ? ["host"] : STACKS;
  if (deployment.infrastructure === "aws") return tearDownAws(deployment, stacks, keepsData);
  const doomed = await whatDies(deployment, keepsData);
  if (doomed.length === 0 && !existsSync(deployment.paths.outputs)) return print("nothing to do");

  say(`${deployment.name} loses, for good:`);
  for (const line of doomed) say(`  ${line}`);
  say(keepsData ? "the data volume, keys, secrets and backups stay" : "keys, secrets and backups stay");
  await confirm(deployment);

  const started = Date.now();
  await holdingSignals(async () => {
    await applyInfrastructure(
      deployment,
      () => undefined,
      (line) => say(`  ${line}`),
      { destroy: stacks },
    );
    await removeLocal(localNames(deployment), { data: !keepsData });
    forget(deployment);
  });
  print(`gone, in ${duration((Date.now() - started) / 1000)}`);
});

/** Backups and the key that reads them stay, and the last snapshot of the data volume. */
async function tearDownAws(deployment: AwsDeployment, stacks: readonly Stack[], keepsData: boolean): Promise<void> {
  const started = Date.now();
  await checkAws(deployment, { isLeaving: true });
  for (const { id, launched } of await findInstances(deployment.aws, { ...tagsOf(deployment), Stack: "host" })) {
    say(`the host ${id}, ${age(launched)}`);
  }
  const { changes } = await holdingSignals(() =>
    applyInfrastructure(
      deployment,
      async (plan) => {
        say(plan.text);
        // By the plan, not by what this machine knows of the deployment: a fresh clone tears down as well.
        if (plan.changes.some(({ address }) => address === "aws_ebs_volume.data")) requireFreshBackup(deployment);
        await confirmLosses(deployment, plan, keepsData ? "teardown KEEP_DATA=1" : "teardown");
      },
      (line) => say(`  ${line}`),
      { destroy: stacks },
    ),
  );
  forget(deployment);
  print(
    changes.length === 0
      ? "nothing to do"
      : `gone, in ${duration((Date.now() - started) / 1000)}; keys, secrets and backups stay`,
  );
  const left = await leftovers(deployment);
  if (left.length > 0) print(`what still costs money:\n${left.map((line) => `  ${line}`).join("\n")}`);
}

/** One line a thing, with its age and size. */
async function whatDies(deployment: Deployment, keepsData: boolean): Promise<string[]> {
  const names = localNames(deployment);
  const [host, engine, data] = await Promise.all([
    readLocalHost(names),
    readLocalVolume(names.engineVolume),
    keepsData ? undefined : readLocalVolume(names.dataVolume),
  ]);
  const sizes = engine || data ? await volumeSizes([names.engineVolume, names.dataVolume]) : new Map<string, number>();
  const volume = ({ name, created }: { name: string; created: Date }): string =>
    `${name}, ${size(sizes.get(name) ?? 0)}, ${age(created)}`;
  return [
    ...(host ? [`the host ${names.host}, ${age(host.created)}`] : []),
    ...(engine ? [`its images and containers: volume ${volume(engine)}`] : []),
    ...(data ? [`the database, logs, DAG releases: volume ${volume(data)}`] : []),
  ];
}

function age(created: Date): string {
  const seconds = Math.max(0, (Date.now() - created.getTime()) / 1000);
  if (seconds < 3600) return `${duration(seconds)} old`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h old` : `${Math.floor(hours / 24)} days old`;
}

async function confirm({ name }: Deployment): Promise<void> {
  const given = process.env["CONFIRM"];
  if (given === name) return;
  if (given) throw new UserError(`CONFIRM is "${given}", not the deployment's name`, `CONFIRM=${name} make teardown`);
  if (!canAsk()) throw new UserError("teardown wants to be confirmed", `CONFIRM=${name} make teardown`);
  const answer = await ask(`type the deployment's name to go on: `);
  if (answer.trim() !== name) throw new UserError(`that is not "${name}": nothing was touched`);
}

/** What was learned about hosts that are no more. Their pins stay: another host has another id. */
function forget({ paths }: Deployment): void {
  rmSync(paths.outputs, { force: true });
  for (const folder of ["cdktf.out", "terraform"]) rmSync(join(paths.state, folder), { recursive: true, force: true });
}
