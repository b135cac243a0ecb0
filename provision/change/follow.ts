import { Writable } from "node:stream";
import { UserError } from "../base/errors";
import { sh } from "../base/shell";
import type { Host } from "../link/host";
import type { CompiledChange } from "./compile";
import type { PatientLink } from "./patient-link";
import { RECORDS } from "./places";
import type { Progress } from "./progress";
import { runAsRoot } from "./root";
import { onHost } from "./scripts";
import { Outcome, outcomeCommand, parseOutcome } from "./standing";

/** Follows a change's log to its end; after a lost connection it goes on from the byte where it stopped. */
export async function followToEnd(
  host: Host,
  link: PatientLink,
  { about: { id } }: CompiledChange,
  progress: Progress,
): Promise<void> {
  const { code, stderr } = await link.ask(() => {
    const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => (progress.take(chunk), done()) });
    return runAsRoot(host, onHost("follow"), [id, String(progress.bytes + 1)], { stdout });
  });
  if (code !== 0)
    throw new UserError(
      `cannot follow the change: ${stderr.trim()}`,
      "the change goes on; the next verb says how it ended",
    );
}

export async function readOutcome(host: Host, link: PatientLink, { about: { id } }: CompiledChange): Promise<Outcome> {
  const { stdout } = await link.ask(() => runAsRoot(host, sh`cd ${RECORDS} 2>/dev/null; ${outcomeCommand(sh`${id}`)}`));
  const [outcome, mark] = stdout.split("\n");
  return parseOutcome(outcome!, mark);
}
