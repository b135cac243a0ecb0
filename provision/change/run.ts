import { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pack } from "tar-stream";
import { CompiledChange, Outcome, describe, outcomeOf, parseOutcome, readScript } from "./compile";
import { Busy, Interrupted, UserError } from "../base/errors";
import { runAsRoot, spaceHint } from "./read-facts";
import type { Host, Result } from "../link/host";
import { clearStatus, duration, printable, say, showStatus } from "../base/output";
import { sh, Command } from "../base/shell";
import { HostUnreachable, LinkLost } from "../link/ssh-host";

/** How long, in milliseconds, a client tries to connect again after it lost its link. */
const PATIENCE = 120_000;

/**
 * Uploads a change, has the host start it and follows it to its end; the host runs it by itself.
 * @returns why it did not succeed, for the operator; nothing where it did
 * @throws Busy where another change runs; UserError where it did not start; whatever keeps this client from following it to its end
 */
export async function runChange(
  host: Host,
  change: CompiledChange,
  patience = PATIENCE,
): Promise<UserError | undefined> {
  const interrupt = watchInterrupt(host, change);
  const link = new PatientLink(host, patience, interrupt);
  const progress = new Progress(change);
  const carryOut = async (): Promise<Outcome> => {
    await start(host, link, change);
    interrupt.started();
    await followToEnd(host, link, change, progress);
    return readOutcome(host, link, change);
  };
  try {
    const outcome = await Promise.race([carryOut(), interrupt.detached]);
    clearStatus();
    return outcome.kind === "done" ? undefined : failure(outcome, change, progress, host);
  } finally {
    interrupt.end();
  }
}

/** Asks a host again on a new connection when the link is lost on the way. */
class PatientLink {
  constructor(
    private readonly host: Host,
    private readonly patience: number,
    private readonly interrupt: { readonly isOver: () => boolean; readonly repeat: () => void },
  ) {}

  async ask(what: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const result = await this.once(what);
      if (result) return result;
      await this.reconnect("the change goes on there");
    }
  }

  /** Undefined where the link was lost before an answer. */
  async once(what: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await what();
      return result.code === -1 ? undefined : result;
    } catch (error) {
      if (!(error instanceof LinkLost) || this.interrupt.isOver()) throw error;
      return undefined;
    }
  }

  async reconnect(meanwhile: string): Promise<void> {
    say(`lost the connection to ${this.host.name}: ${meanwhile}; connecting again`);
    const deadline = Date.now() + this.patience;
    for (;;) {
      try {
        await this.host.reconnect();
        return this.interrupt.repeat();
      } catch (cause) {
        if (!(cause instanceof HostUnreachable) || this.interrupt.isOver()) throw cause;
        if (Date.now() > deadline) {
          const hint = "run the same verb later: it says how the change ended";
          throw new UserError(`${this.host.name} stays out of reach; ${meanwhile}`, hint, { cause });
        }
        await sleep(Math.min(1000, this.patience / 10));
      }
    }
  }
}

async function start(host: Host, link: PatientLink, change: CompiledChange): Promise<void> {
  const script = new Command(readScript("start"));
  const result = await link.once(() =>
    runAsRoot(host, script, change.startArguments, { stdin: archive(change.files) }),
  );
  if (!result) return didItStart(host, link, change);
  const { code, stdout, stderr } = result;
  if (code === 75) throw busy(stdout.trim());
  if (code !== 0) {
    throw new UserError(
      `the change did not start, nothing was changed: ${printable(stderr.trim()) || `exit code ${code}`}`,
      spaceHint(stderr) ?? "run the same verb again",
    );
  }
}

/** The link was lost before the host said that it started the change. Whoever makes the directory `begun` first decides: this client, or start.sh. */
async function didItStart(host: Host, link: PatientLink, { about: { id } }: CompiledChange): Promise<void> {
  await link.reconnect("the change may not have started");
  const outcome = `/run/airflow-outcomes/${id}`;
  const probe = sh`umask 077
mkdir -p ${outcome} && mkdir ${`${outcome}/begun`} 2> /dev/null || exit 0
rm -rf ${[outcome, `/run/airflow-change/${id}`, `/srv/airflow/.incoming-${id}`]}
echo never`;
  const { stdout } = await link.ask(() => runAsRoot(host, probe));
  if (stdout.trim() !== "never") return;
  throw new UserError(
    `the connection to ${host.name} was lost during the upload: nothing was changed`,
    "run the same verb again",
  );
}

export const busy = (description: string): Busy =>
  new Busy(
    `another change is running on the host: ${printable(description)}`,
    "wait for it, then run the same verb again",
  );

export function archive(files: CompiledChange["files"]): Readable {
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

/** Goes on from the byte where it was when the link is lost on the way. */
async function followToEnd(host: Host, link: PatientLink, change: CompiledChange, progress: Progress): Promise<void> {
  const script = new Command(readScript("follow"));
  const { code, stderr } = await link.ask(() => {
    const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => (progress.take(chunk), done()) });
    return runAsRoot(host, script, [change.about.id, String(progress.bytes + 1)], { stdout });
  });
  if (code !== 0)
    throw new UserError(
      `cannot follow the change: ${printable(stderr.trim())}`,
      "it goes on; the next verb says how it ended",
    );
}

async function readOutcome(host: Host, link: PatientLink, { about: { id } }: CompiledChange): Promise<Outcome> {
  const { stdout } = await link.ask(() =>
    runAsRoot(host, sh`cd /var/lib/airflow-deployment/changes 2>/dev/null; ${outcomeOf(sh`${id}`)}`),
  );
  const [outcome, mark] = stdout.split("\n");
  return parseOutcome(outcome!, mark);
}

function failure(
  outcome: Exclude<Outcome, { kind: "done" }>,
  change: CompiledChange,
  progress: Progress,
  host: Host,
): UserError {
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
  assume: "assumed",
  build: "built",
  check: "checked",
  create: "created",
  delete: "deleted",
  dump: "dumped",
  install: "installed",
  let: "let",
  make: "made",
  migrate: "migrated",
  mount: "mounted",
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
  let isOver = false;
  let times = 0;
  let detach: (reason: Error) => void = () => undefined;
  const detached = new Promise<never>((_resolve, reject) => (detach = reject));
  detached.catch(() => undefined);
  /** Idempotent, so that it may be sent anew on each new connection. */
  const repeat = (): void => {
    if (times === 0 || !isStarted) return;
    runAsRoot(host, sh`touch /run/airflow-outcomes/${change.about.id}/stop`).catch(() => undefined);
  };
  const onSignal = (): void => {
    times += 1;
    if (times === 1) {
      say("stopping after the current action; once more to stop following");
      return repeat();
    }
    isOver = true;
    detach(
      isStarted
        ? new Interrupted(
            `no longer following: ${describe(change.about)} ends after the current action`,
            "the next verb says how it ended",
          )
        : new Interrupted("interrupted during the upload", "the next verb says whether the change had started"),
    );
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    detached,
    repeat,
    isOver: (): boolean => isOver,
    started: (): void => {
      isStarted = true;
      repeat();
    },
    end: (): void => {
      isOver = true;
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
  };
}
