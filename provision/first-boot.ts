import type { Outputs } from "../infra/outputs";
import type { Author } from "./change/compile";
import { UserError } from "./base/errors";
import { runAsRoot } from "./change/read-facts";
import type { Host } from "./link/host";
import { changeHost, planHost } from "./change/host-plan";
import { printable, say, showStatus } from "./base/output";
import type { Plan } from "./change/planning";
import { Command } from "./base/shell";
import { mount } from "./steps/mount";

/** What must be true before a host's state can be read: nothing, where infrastructure has mounted the data volume itself. */
export async function planFirstBoot(host: Host, { dataDevice }: Pick<Outputs, "dataDevice">): Promise<Plan> {
  return dataDevice ? (await planHost(host, [mount], dataDevice)).plan : [];
}

/** Waits for cloud-init where the host is new, and mounts its data volume: a change of its own. */
export async function finishFirstBoot(
  host: Host,
  { dataDevice }: Pick<Outputs, "dataDevice">,
  author: Author,
): Promise<void> {
  if (!dataDevice || (await planFirstBoot(host, { dataDevice })).length === 0) return;
  await waitForCloudInit(host);
  await changeHost(host, await planHost(host, [mount], dataDevice), author);
}

const SECONDS = 600;
const WAIT = new Command(`command -v cloud-init > /dev/null || exit 0
code=0; timeout ${SECONDS} cloud-init status --wait > /dev/null 2>&1 || code=$?
[ "$code" -eq 0 ] || cloud-init status --long
exit "$code"`);

async function waitForCloudInit(host: Host): Promise<void> {
  showStatus("waiting for cloud-init …");
  const { code, stdout } = await runAsRoot(host, WAIT);
  const note = cloudInitNote(code, stdout);
  if (note) say(note);
}

/** What to tell of the exit code of `cloud-init status --wait`. @throws UserError where the first boot has failed */
export function cloudInitNote(code: number, long: string): string | undefined {
  const told = printable(long)
    .split("\n")
    .flatMap((line) => /^\s+- (.+)$/.exec(line)?.[1]?.trim() ?? []);
  const why = told.length > 0 ? `: ${told.join("; ")}` : "";
  const hint = `make ssh CMD="cloud-init status --long"`;
  if (code === 0) return undefined;
  if (code === 2) return `cloud-init ended with errors that it got over${why} (${hint})`;
  if (code === 124) throw new UserError(`cloud-init has not ended after ${SECONDS} s`, hint);
  throw new UserError(`cloud-init failed on the host: its first boot is not complete${why}`, hint);
}
