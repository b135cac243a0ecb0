import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { printable } from "../base/text";

/** A connection through a program, as OpenSSH's ProxyCommand makes it. */
export interface ProxySocket {
  readonly socket: Duplex;
  /** What the program said on standard error, once it has ended or had a moment to; empty: nothing. */
  lastWords(): Promise<string>;
  /** Ends the program and whatever it started. */
  end(): void;
}

const WORDS = 2000;

export function proxySocket([program, ...args]: readonly string[]): ProxySocket {
  // A group of its own: Ctrl-C is the verb's to answer, and needs the connection for it; the helpers it starts end with it.
  const child = spawn(program!, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  const socket = Duplex.from({ readable: child.stdout, writable: child.stdin });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-WORDS)));

  const kill = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid) process.kill(-child.pid, signal);
    } catch {
      // It has ended.
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
