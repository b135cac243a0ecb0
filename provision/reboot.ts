import { setTimeout as sleep } from "node:timers/promises";
import { unhealthy, withAirflow } from "./api/airflow-api";
import { describe } from "./change/standing";
import type { Screen } from "./base/screen";
import { onHost } from "./change/scripts";
import { Interrupted, UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import type { Host } from "./link/host";
import { authorOf } from "./change/change-host";
import { onMainHost } from "./link/main-host";
import { duration } from "./base/text";
import { busy } from "./change/start";
import { runScript } from "./script";
import { sh } from "./base/shell";
import { NONE_ILL } from "./steps/heartbeats";

/** Seconds, besides those that the shutdown waits for running tasks. */
const TIMEOUT = 600;

runScript(async (deployment, { screen, signals }) => {
  await onMainHost(deployment, async (host) => {
    const started = Date.now();
    const before = await bootId(host);
    const since = new Date().toISOString();
    await requestReboot(host, describe({ ...authorOf("reboot"), id: "", since, actions: [] }));
    screen.say("  started the reboot");
    await signals.orThrow(
      () => new Interrupted("no longer waiting, but the host reboots", "see make status"),
      (stop) => comeBack(screen, host, before, { started, limit: TIMEOUT + deployment.airflow.drain }, stop),
    );
    screen.print(`${host.name} is back and Airflow is healthy, after ${duration((Date.now() - started) / 1000)}`);
  });
});

/**
 * Starts the reboot as the systemd unit that changes run as: systemd starts a unit only once, so a reboot and a change
 * cannot run at the same time. @throws Busy if a change runs
 */
async function requestReboot(host: Host, description: string): Promise<void> {
  const { code, stdout, stderr } = await runAsRoot(host, onHost("reboot"), [description]);
  if (code === 75) throw busy(stdout.trim());
  if (code !== 0) throw new UserError(`systemd did not begin the reboot: ${stderr.trim()}`);
}

const bootId = async (host: Host): Promise<string> =>
  (await host.run(sh`cat /proc/sys/kernel/random/boot_id`)).stdout.trim();

async function comeBack(
  screen: Screen,
  host: Host,
  before: string,
  { started, limit }: { readonly started: number; readonly limit: number },
  signal: AbortSignal,
): Promise<void> {
  const elapsed = (): string => duration((Date.now() - started) / 1000);
  const waitFor = async (what: string, isThere: () => Promise<boolean>): Promise<void> => {
    let problem = "";
    for (;;) {
      signal.throwIfAborted();
      screen.status(`  … waiting for ${what}, ${elapsed()}`);
      try {
        if (await isThere()) return;
      } catch (error) {
        // The host is going down, or is not up yet. If that does not change, the last error is shown in the end.
        if (!(error instanceof UserError)) throw error;
        problem = `: ${error.message}`;
      }
      if (Date.now() - started > limit * 1000) {
        throw new UserError(`${what} did not come back within ${duration(limit)}${problem}`, "see make status");
      }
      await sleep(500);
    }
  };
  let isLinked = true;
  const currentBoot = async (): Promise<string> => {
    if (!isLinked) await host.reconnect();
    isLinked = false;
    const boot = await bootId(host);
    isLinked = boot !== "";
    return boot || before;
  };
  await waitFor(host.name, async () => (await currentBoot()) !== before);
  screen.say(`  the host is up again (${elapsed()})`);
  await waitFor("Airflow", async () => {
    await currentBoot();
    const isHealthy = unhealthy(await withAirflow(host, "", (airflow) => airflow.health())).length === 0;
    return isHealthy && (await runAsRoot(host, NONE_ILL)).code === 0;
  });
}
