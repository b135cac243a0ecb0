import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { printable } from "../base/text";

/** A connection through a program, as OpenSSH's ProxyCommand makes it. */
export interface ProxySocket {
  readonly socket: Duplex;
  /** The end of what the program wrote to standard error; waits up to half a second for the program to end. */
  lastWords(): Promise<string>;
  /** Ends the program and everything that it started. */
  end(): void;
}

/** How many characters of standard error are kept. */
const WORDS = 2000;

export function proxySocket([program, ...args]: readonly string[]): ProxySocket {
  // The program has a process group of its own: Ctrl-C must not end it, because the verb that answers Ctrl-C needs the
  // connection. The group also lets `kill` reach the helpers that the program starts.
  const child = spawn(program!, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const socket = Duplex.from({ readable: child.stdout, writable: child.stdin });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-WORDS)));

  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // The program has ended already.
    }
  };
  const end = (): void => kill("SIGKILL");
  process.on("exit", end);
  const closed = new Promise<void>((resolve) => {
    child.once("error", ({ message }) => {
      stderr = message;
      socket.destroy(new Error(message));
      resolve();
    });
    child.once("close", () => {
      process.off("exit", end);
      socket.destroy();
      resolve();
    });
  });
  return {
    socket,
    lastWords: async () => {
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500).unref())]);
      return printable(stderr).trim();
    },
    end: () => {
      kill("SIGTERM");
      setTimeout(end, 2000).unref();
      void closed.then(() => process.off("exit", end));
    },
  };
}
