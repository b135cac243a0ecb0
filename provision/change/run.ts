import type { Context } from "../base/context";
import { Interrupted, UserError } from "../base/errors";
import { sh } from "../base/shell";
import type { Host } from "../link/host";
import type { CompiledChange } from "./compile";
import { followToEnd, readOutcome } from "./follow";
import { PatientLink } from "./patient-link";
import { outcomeOf } from "./places";
import { Progress } from "./progress";
import { runAsRoot } from "./root";
import { Summary, pastTense } from "./planning";
import { About, Outcome, actionAt, describe } from "./standing";
import { startChange } from "./start";

/** How long a client tries to connect again after it lost its connection, in milliseconds. */
const PATIENCE = 120_000;

/**
 * Uploads a change, lets the host run it by itself, and follows it to its end. The first Ctrl-C (or SIGTERM) stops the
 * change before its next action; the second one only stops following.
 * @returns why the change did not succeed, for the operator; undefined if it did
 * @throws Busy if another change runs; UserError if it did not start; any error that keeps this client from following it
 */
export async function runChange(
  { screen, signals }: Context,
  host: Host,
  change: CompiledChange,
  patience = PATIENCE,
): Promise<UserError | undefined> {
  const wish = new Wish(host, change);
  const link = new PatientLink(host, patience, wish, screen);
  const progress = new Progress(change, screen);
  const carryOut = async (): Promise<Outcome> => {
    await startChange(host, link, change);
    wish.changeHasStarted();
    await followToEnd(host, link, change, progress);
    return readOutcome(host, link, change);
  };
  let detach: (reason: Error) => void;
  const detached = new Promise<never>((_resolve, reject) => (detach = reject));
  detached.catch(() => undefined);
  const onSignal = (times: number): void => {
    if (times === 1) {
      screen.say("stopping after the current action; press Ctrl-C again to stop following");
      wish.stop();
    } else detach(wish.leave());
  };
  try {
    const outcome = await signals.count(onSignal, () => Promise.race([carryOut(), detached]));
    return outcome.kind === "done" ? undefined : failure(outcome, change, progress, host);
  } finally {
    screen.clearStatus();
    wish.leave();
  }
}

/** What the operator wants of a running change. */
class Wish {
  private isStarted = false;
  private wantsStop = false;
  private hasLeft = false;

  constructor(
    private readonly host: Host,
    private readonly change: CompiledChange,
  ) {}

  readonly isOver = (): boolean => this.hasLeft;

  /** Sends the order to stop, if there is one. It is sent again on each new connection: twice does no harm. */
  readonly repeat = (): void => {
    if (!this.wantsStop || !this.isStarted) return;
    runAsRoot(this.host, sh`touch ${outcomeOf(this.change.about.id)}/stop`).catch(() => undefined);
  };

  changeHasStarted(): void {
    this.isStarted = true;
    this.repeat();
  }

  stop(): void {
    this.wantsStop = true;
    this.repeat();
  }

  leave(): Interrupted {
    this.hasLeft = true;
    return this.isStarted
      ? new Interrupted(
          `no longer following: ${describe(this.change.about)} ends after the current action`,
          "the next verb says how it ended",
        )
      : new Interrupted("interrupted during the upload", "the next verb says whether the change had started");
  }
}

function failure(
  outcome: Exclude<Outcome, { kind: "done" }>,
  { about }: CompiledChange,
  progress: Progress,
  host: Host,
): UserError {
  const action = actionAt(about, outcome);
  switch (outcome.kind) {
    case "stale":
      return new UserError(
        `the host changed meanwhile, nothing was touched: ${progress.note}`,
        "run the same verb again: it plans anew",
      );
    case "stopped":
      return new Interrupted(
        `stopped before "${action}"`,
        `${/^(stop|migrate) /.test(about.actions[(outcome.at ?? 0) - 1] ?? "") ? "services of Airflow are stopped until then: " : ""}run the same verb again: it goes on from there`,
      );
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
        progress.lastHint() ??
          `${whatStays(about, outcome)}; mend the cause and run the same verb again: it goes on from there`,
      );
  }
}

/** What an action that failed leaves behind it. */
function whatStays({ actions }: About, outcome: Outcome): string {
  const before = "at" in outcome && outcome.at ? actions[outcome.at - 1] : undefined;
  return before
    ? `what was done before it stays (the last: ${pastTense(before as Summary)})`
    : "nothing else was touched";
}
