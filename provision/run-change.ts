import { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pack } from "tar-stream";
import { CompiledChange, Outcome, describe, parseOutcome, readScript } from "./change";
import { Busy, Interrupted, UserError } from "./errors";
import { runAsRoot } from "./facts";
import type { Host } from "./host";
import { clearStatus, duration, printable, say, showStatus } from "./output";
import { sh, Command } from "./shell";
import { HostUnreachable, LinkLost } from "./ssh-host";

const RECONNECT_FOR = 120_000;

/**
 * Uploads a change, has the host start it and follows it to its end; the host runs it by itself.
 * @throws Busy where another change runs; UserError where it fails; Interrupted after Ctrl-C
 */
export async function runChange(host: Host, change: CompiledChange): Promise<void> {
  const interrupt = watchInterrupt(host, change);
  try {
    await start(host, change);
    interrupt.started();
    const progress = new Progress(change);
    await Promise.race([followToEnd(host, change, progress), interrupt.detached]);
    const outcome = await readOutcome(host, change);
    clearStatus();
    if (outcome.kind !== "done") throw failure(outcome, change, progress, host);
  } finally {
    interrupt.end();
  }
}

async function start(host: Host, change: CompiledChange): Promise<void> {
  const { code, stdout, stderr } = await runAsRoot(host, new Command(readScript("start")), change.startArguments, {
    stdin: archive(change.files),
  });
  if (code === 75) throw busy(stdout.trim());
  if (code !== 0) {
    throw new UserError(
      `the change did not start, nothing was changed: ${printable(stderr.trim()) || `exit code ${code}`}`,
      /no space left/i.test(stderr)
        ? "free some space on the host, then run the same verb again"
        : "run the same verb again",
    );
  }
}

export const busy = (description: string): Busy =>
  new Busy(
    `another change is running on the host: ${printable(description)}`,
    "wait for it, then run the same verb again",
  );

function archive(files: CompiledChange["files"]): Readable {
  const tar = pack();
  for (const directory of directoriesOf(files))
    tar.entry({ name: directory, type: "directory", mode: 0o755, uid: 0, gid: 0 });
  for (const { path, content, mode } of files) tar.entry({ name: path, mode, uid: 0, gid: 0 }, content);
  tar.finalize();
  return Readable.from(tar);
}

/** Directories of uploads, parents first; what exists on the host keeps its mode (--no-overwrite-dir). */
function directoriesOf(files: CompiledChange["files"]): string[] {
  const directories = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    const from = parts.findIndex((part) => part.startsWith(".incoming-"));
    if (from >= 0) for (let i = from + 1; i <= parts.length; i++) directories.add(parts.slice(0, i).join("/"));
  }
  return [...directories].sort();
}

/** Follows through lost links, for two minutes each. */
async function followToEnd(host: Host, change: CompiledChange, progress: Progress): Promise<void> {
  for (;;) {
    try {
      const args = [change.about.id, String(progress.bytes + 1)];
      const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => (progress.take(chunk), done()) });
      const { code, stderr } = await runAsRoot(host, new Command(readScript("follow")), args, { stdout });
      if (code === 0) return;
      if (code !== -1) throw new UserError(`cannot follow the change: ${printable(stderr.trim())}`);
    } catch (error) {
      if (!(error instanceof LinkLost)) throw error;
    }
    await reconnect(host);
  }
}

async function reconnect(host: Host): Promise<void> {
  say(`lost the connection to ${host.name}: the change goes on there; connecting again`);
  const deadline = Date.now() + RECONNECT_FOR;
  for (;;) {
    try {
      return await host.reconnect();
    } catch (error) {
      if (!(error instanceof HostUnreachable)) throw error;
      if (Date.now() > deadline) {
        throw new UserError(
          `${host.name} stays out of reach; the change goes on there`,
          "run the same verb later: it says how the change ended",
          { cause: error },
        );
      }
      await sleep(1000);
    }
  }
}

async function readOutcome(host: Host, change: CompiledChange): Promise<Outcome> {
  const id = change.about.id;
  // The unit first, then the file: a unit that ends between the two has written it.
  const read = sh`systemctl show -p ActiveState --value airflow-change.service; cat /run/airflow-outcomes/${id}/outcome /var/lib/airflow-deployment/changes/${id}/outcome 2>/dev/null; echo; grep -a ${`^::${id}:`} /run/airflow-outcomes/${id}/log | tail -n 1`;
  const { stdout } = await runAsRoot(host, read);
  return parseOutcome(stdout, stdout.trimEnd().split("\n").at(-1));
}

function failure(outcome: Outcome, change: CompiledChange, progress: Progress, host: Host): UserError {
  const action = "at" in outcome && outcome.at !== undefined ? change.about.actions[outcome.at] : undefined;
  switch (outcome.kind) {
    case "stale":
      return new UserError(
        `the host changed meanwhile, nothing was touched: ${progress.note}`,
        "run the same verb again: it plans anew",
      );
    case "stopped":
      return new Interrupted(`stopped before "${action}"`, "run the same verb again: it goes on from there");
    case "interrupted":
      return new UserError(
        `the change was interrupted${action ? ` at "${action}"` : ""}`,
        "somebody stopped it, or the host went down; run the same verb again: it mends what is missing",
      );
    default:
      return new UserError(
        action
          ? `"${action}" failed on ${host.name}:\n${progress.lastOutput()}`
          : `the change failed: ${progress.note}`,
        "the rest was not touched; mend the cause and run the same verb again: it goes on from there",
      );
  }
}

/** Turns the log's bytes into lines for the operator. */
class Progress {
  /** How much of the log has arrived. */
  bytes = 0;
  /** What the driver said last, beside the marks of actions. */
  note = "";
  private rest = Buffer.alloc(0);
  private output: string[] = [];
  private startedAt = 0;

  constructor(private readonly change: CompiledChange) {}

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.rest = Buffer.concat([this.rest, chunk]);
    for (let end = this.rest.indexOf("\n"); end >= 0; end = this.rest.indexOf("\n")) {
      this.line(this.rest.subarray(0, end).toString());
      this.rest = this.rest.subarray(end + 1);
    }
  }

  lastOutput(count = 20): string {
    return (
      this.output
        .slice(-count)
        .map((line) => `  ${line}`)
        .join("\n") || "  (it printed nothing)"
    );
  }

  private line(line: string): void {
    const mark = `::${this.change.about.id}:`;
    const at = line.indexOf(mark);
    if (at !== 0) this.print(at < 0 ? line : line.slice(0, at));
    if (at >= 0) this.mark(line.slice(at + mark.length));
  }

  private print(line: string): void {
    this.output.push(printable(line));
    if (this.output.length > 200) this.output.splice(0, 100);
    if (process.env["VERBOSE"]) say(`    ${printable(line)}`);
  }

  private mark(text: string): void {
    const [word, index, code] = text.split(" ");
    const summary = this.change.about.actions[Number(index)] ?? "";
    if (word === "start") {
      this.output = [];
      this.startedAt = Date.now();
      showStatus(`  … ${summary}`);
    } else if (word === "end" && code === "0") {
      const seconds = (Date.now() - this.startedAt) / 1000;
      say(`  ${pastTense(summary)}${seconds > 1 ? ` (${duration(seconds)})` : ""}`);
    } else if (word !== "end" && word !== "done") {
      this.note = printable(text.slice(text.indexOf(" ") + 1));
    }
  }
}

const PAST: Record<string, string> = {
  build: "built",
  check: "checked",
  create: "created",
  delete: "deleted",
  dump: "dumped",
  install: "installed",
  let: "let",
  make: "made",
  migrate: "migrated",
  put: "put",
  read: "read",
  recreate: "recreated",
  remove: "removed",
  restart: "restarted",
  set: "set",
  start: "started",
  stop: "stopped",
  switch: "switched",
  unpack: "unpacked",
  upload: "uploaded",
  wait: "waited",
  write: "wrote",
};

/** `write x` → `wrote x`. Throws for a verb that it does not know: a summary begins with one of PAST. */
export function pastTense(summary: string): string {
  const [verb = "", ...rest] = summary.split(" ");
  if (!PAST[verb]) throw new Error(`no past tense is known for "${verb}"`);
  return [PAST[verb], ...rest].join(" ");
}

/** First Ctrl-C (or SIGTERM): stop between two actions. Second: detach; the change goes on. */
function watchInterrupt(host: Host, change: CompiledChange) {
  let isStarted = false;
  let times = 0;
  let detach: (reason: Error) => void = () => undefined;
  const detached = new Promise<never>((_resolve, reject) => (detach = reject));
  detached.catch(() => undefined);
  const onSignal = (): void => {
    times += 1;
    if (times > 1)
      return detach(
        new Interrupted(`no longer following: ${describe(change.about)} goes on`, "the next verb says how it ended"),
      );
    say("stopping after the current action; once more to stop following");
    if (isStarted) requestStop();
  };
  const requestStop = (): void =>
    void runAsRoot(host, sh`touch /run/airflow-outcomes/${change.about.id}/stop`).catch(() => undefined);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    detached,
    started: (): void => {
      isStarted = true;
      if (times > 0) requestStop();
    },
    end: (): void => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}
