import { existsSync } from "node:fs";
import { confirmName } from "../base/confirm";
import type { Context } from "../base/context";
import { age, duration, size } from "../base/text";
import type { Deployment } from "../deployment/deployment";
import { Outputs } from "../link/outputs";
import {
  localNames,
  readLocalHost,
  readLocalHostKeys,
  readLocalVolume,
  removeLocal,
  volumeSizes,
} from "../local/local-docker";
import { sayLosses } from "./confirm";
import { forgetHosts } from "./forget";
import type { Infrastructure } from "./infrastructure";
import type { Stack } from "./planned-changes";
import { applyInfrastructure } from "./terraform-apply";

/** A host on this machine: a systemd container. */
export function localInfrastructure(context: Context, deployment: Deployment): Infrastructure {
  const names = localNames(deployment);
  const infrastructure: Infrastructure = {
    context,
    deployment,
    check: async () => undefined,
    refuse: async () => undefined,
    notes: () => [],
    readsEmptyPlans: false,
    destroysWhole: () => true,
    complete: async (stackOutputs) => {
      const host = await readLocalHost(context, names);
      const hosts = stackOutputs["hosts"] as object[];
      return Outputs.parse({
        hosts: hosts.map((each) => ({ ...each, privateAddress: host?.privateAddress })),
        dataDevice: null,
      });
    },
    hostKeys: {
      read: () => readLocalHostKeys(context, names),
      forgets: false,
      seconds: 60,
      pause: 0.1,
      hint: "run make infrastructure again",
    },
    bootSeconds: 60,
    tearDown: (stacks) => tearDown(infrastructure, stacks),
  };
  return infrastructure;
}

async function tearDown(infrastructure: Infrastructure, stacks: readonly Stack[]): Promise<void> {
  const { context, deployment } = infrastructure;
  const { screen, signals } = context;
  const { name, paths } = deployment;
  const keepsData = !stacks.includes("data");
  const doomed = await whatDies(context, deployment, keepsData);
  if (doomed.length === 0 && !existsSync(paths.outputs)) return screen.print("nothing to do");
  sayLosses(context, name, doomed);
  screen.say(keepsData ? "the data volume, keys, secrets and backups stay" : "keys, secrets and backups stay");
  await confirmName(context, { name, answer: name, verb: keepsData ? "teardown KEEP_DATA=1" : "teardown" });

  const started = Date.now();
  await signals.hold(async () => {
    await applyInfrastructure(infrastructure, () => undefined, { destroy: stacks });
    await removeLocal(context, localNames(deployment), { data: !keepsData });
    forgetHosts(deployment);
  });
  screen.print(`gone, in ${duration((Date.now() - started) / 1000)}`);
}

/** What a teardown destroys, one line each, with its age and a volume's size. */
async function whatDies(context: Context, deployment: Deployment, keepsData: boolean): Promise<string[]> {
  const names = localNames(deployment);
  const [host, engine, data] = await Promise.all([
    readLocalHost(context, names),
    readLocalVolume(context, names.engineVolume),
    keepsData ? undefined : readLocalVolume(context, names.dataVolume),
  ]);
  const sizes =
    engine || data ? await volumeSizes(context, [names.engineVolume, names.dataVolume]) : new Map<string, number>();
  const old = (created: Date): string => `${age((Date.now() - created.getTime()) / 1000)} old`;
  const volume = ({ name, created }: { name: string; created: Date }): string =>
    `${name}, ${size(sizes.get(name) ?? 0)}, ${old(created)}`;
  return [
    ...(host ? [`the host ${names.host}, ${old(host.created)}`] : []),
    ...(engine ? [`its images and containers: volume ${volume(engine)}`] : []),
    ...(data ? [`the database, logs, DAG releases: volume ${volume(data)}`] : []),
  ];
}
