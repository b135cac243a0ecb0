import type { Outputs } from "./link/outputs";
import type { Author } from "./change/standing";
import type { Context } from "./base/context";
import { UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import type { Host } from "./link/host";
import { changeHost, planHost } from "./change/change-host";
import type { Plan } from "./change/planning";
import { script } from "./base/shell";
import { bind } from "./steps/bind";
import { mount } from "./steps/mount";

/** Plans the mount of the data volume, without which a host's state cannot be read. Empty if nothing is to be done. */
export async function planFirstBoot(
  context: Context,
  host: Host,
  { dataDevice }: Pick<Outputs, "dataDevice">,
): Promise<Plan> {
  return dataDevice ? (await planMount(context, host, dataDevice)).plan : [];
}

/** If the data volume is not mounted yet, waits for cloud-init and mounts the volume, by a change of its own. */
export async function finishFirstBoot(
  context: Context,
  host: Host,
  { dataDevice }: Pick<Outputs, "dataDevice">,
  author: Author,
): Promise<void> {
  if (!dataDevice || (await planFirstBoot(context, host, { dataDevice })).length === 0) return;
  await waitForCloudInit(context, host);
  await changeHost(context, host, await planMount(context, host, dataDevice), author);
}

const planMount = (
  context: Context,
  host: Host,
  device: NonNullable<Outputs["dataDevice"]>,
): ReturnType<typeof planHost> =>
  "folder" in device ? planHost(context, host, [bind], device) : planHost(context, host, [mount], device);

const SECONDS = 600;
const WAIT = script(`command -v cloud-init > /dev/null || exit 0
code=0; timeout ${SECONDS} cloud-init status --wait > /dev/null 2>&1 || code=$?
[ "$code" -eq 0 ] || cloud-init status --long
exit "$code"`);

async function waitForCloudInit({ screen }: Context, host: Host): Promise<void> {
  screen.status("waiting for cloud-init …");
  const { code, stdout } = await runAsRoot(host, WAIT);
  const note = cloudInitNote(code, stdout);
  if (note) screen.say(note);
}

/**
 * What to tell the operator of the exit code of `cloud-init status --wait`: 2 means errors from which it recovered
 * (https://docs.cloud-init.io/en/latest/explanation/return_codes.html), 124 is timeout's.
 * @throws UserError if the first boot has failed
 */
export function cloudInitNote(code: number, long: string): string | undefined {
  const told = long.split("\n").flatMap((line) => /^\s+- (.+)$/.exec(line)?.[1]?.trim() ?? []);
  const why = told.length > 0 ? `: ${told.join("; ")}` : "";
  const hint = `run make ssh CMD="cloud-init status --long"`;
  if (code === 0) return undefined;
  if (code === 2) return `cloud-init recovered from errors${why} (${hint})`;
  if (code === 124) throw new UserError(`cloud-init has not ended after ${SECONDS} s`, hint);
  throw new UserError(`cloud-init failed on the host: its first boot is not complete${why}`, hint);
}
