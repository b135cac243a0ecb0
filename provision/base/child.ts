import { StdioOptions, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Interrupted, UserError } from "./errors";
import { say } from "./output";

export interface ChildResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line of standard output, which then is not collected. */
  readonly onLine?: (line: string) => void;
  /** The child has this process' own input and output; nothing is collected. */
  readonly inherit?: boolean;
  /** Ctrl-C does not reach it: it gets one SIGINT, however often somebody presses. Terraform ends at a second one without storing its state. */
  readonly isShielded?: boolean;
}

let signalled = false;

/** Throws Interrupted where a signal came during `holdingSignals`. */
export function stopIfSignalled(): void {
  if (signalled) throw new Interrupted("interrupted", "run the same verb again: it goes on from here");
}

/** No signal ends this process between two programs that `work` runs: it stops before the next one. */
export async function holdingSignals<T>(work: () => Promise<T>): Promise<T> {
  const remember = (): void => void (signalled = true);
  process.on("SIGINT", remember).on("SIGTERM", remember).on("SIGHUP", remember);
  try {
    return await work();
  } finally {
    process.off("SIGINT", remember).off("SIGTERM", remember).off("SIGHUP", remember);
  }
}

/**
 * Runs a program of this machine and waits for its end, whatever signal arrives meanwhile: Ctrl-C reaches it by the
 * process group (unless it is shielded), SIGTERM is forwarded as SIGINT. Throws Interrupted once it has ended after such
 * a signal.
 */
export async function runChild(
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  stopIfSignalled();
  const stdio = options.inherit ? "inherit" : (["ignore", "pipe", "pipe"] as const);
  const { env = process.env, isShielded = false } = options;
  const child = spawn(program, args, { env, stdio: stdio as StdioOptions, detached: isShielded });
  let interrupted = false;
  const onTerminate = (): void => {
    if (isShielded) say(`interrupted: waiting until ${program} has ended what it began`);
    if (!interrupted || !isShielded) child.kill("SIGINT");
    interrupted = true;
  };
  const onInterrupt = isShielded ? onTerminate : (): void => void (interrupted = true);
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate).on("SIGHUP", onTerminate);
  try {
    let stdout = "";
    let stderr = "";
    if (options.onLine) createInterface({ input: child.stdout! }).on("line", options.onLine);
    else child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) => reject(startError(program, error)));
      child.once("close", (exitCode) => resolve(exitCode ?? -1));
    });
    if (interrupted) throw new Interrupted("interrupted", "run the same verb again: it goes on from here");
    return { code, stdout, stderr };
  } finally {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate).off("SIGHUP", onTerminate);
  }
}

const startError = (program: string, error: NodeJS.ErrnoException): Error =>
  error.code === "ENOENT" ? new UserError(`${program} is not installed`, "run make setup") : error;
