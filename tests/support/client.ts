import { ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import type { Action } from "../../provision/change/planning";
import type { SystemdHost } from "./systemd-host";

/** A verb that runs as a process of its own (tests/support/change-client.ts). */
export interface Client {
  readonly process: ChildProcess;
  /** What it has printed to stderr. */
  said(): string;
  /** Its exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | string>;
}

export function startClient(machine: SystemdHost, actions: readonly Action[], env: NodeJS.ProcessEnv = {}): Client {
  const child = spawn(process.execPath, ["--require", "tsx/cjs", join(ROOT, "tests/support/change-client.ts")], {
    cwd: ROOT,
    env: { ...process.env, DEPLOYMENT: "local", AIRFLOW_STATE: machine.state, CHANGE: JSON.stringify(actions), ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  return {
    process: child,
    said: () => said,
    ended: new Promise((resolve) => child.on("close", (code, signal) => resolve(code ?? signal!))),
  };
}
