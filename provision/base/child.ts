import { StdioOptions, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Context } from "./context";
import { UserError } from "./errors";

export interface ChildResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** @default the working directory of this process */
  readonly cwd?: string;
  /** Gets each line of standard output; the result's `stdout` is empty then. */
  readonly onLine?: (line: string) => void;
  /** The child uses this process's own input and output; nothing is collected. */
  readonly inherit?: boolean;
  /**
   * Ctrl-C does not reach the child: it gets one SIGINT, even if somebody presses Ctrl-C again. At a second SIGINT
   * Terraform would end without storing its state.
   */
  readonly isShielded?: boolean;
}

/**
 * Runs a program on this machine and waits until it ends, even if a signal arrives meanwhile. Ctrl-C reaches the child
 * through the process group (unless it is shielded); SIGTERM and SIGHUP are passed on as SIGINT.
 * @throws Interrupted after the child has ended, if a signal arrived
 */
export async function runChild(
  { screen, signals }: Context,
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  signals.stopIfHeld();
  const stdio = options.inherit ? "inherit" : (["ignore", "pipe", "pipe"] as const);
  const { env = process.env, cwd, isShielded = false } = options;
  const child = spawn(program, args, { env, cwd, stdio: stdio as StdioOptions, detached: isShielded });
  const onSignal = (name: string, isFirst: boolean): void => {
    if (isShielded) screen.say(`interrupted: waiting until ${program} has stopped safely`);
    if (isShielded ? isFirst : name !== "SIGINT") child.kill("SIGINT");
  };
  return signals.outlast(onSignal, async () => {
    let stdout = "";
    let stderr = "";
    if (options.onLine) createInterface({ input: child.stdout! }).on("line", options.onLine);
    else child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) => reject(startError(program, error)));
      child.once("close", (exitCode) => resolve(exitCode ?? -1));
    });
    return { code, stdout, stderr };
  });
}

const startError = (program: string, error: NodeJS.ErrnoException): Error =>
  error.code === "ENOENT" ? new UserError(`${program} is not installed`, "run make setup") : error;
