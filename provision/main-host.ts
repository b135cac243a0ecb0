import { existsSync, readFileSync } from "node:fs";
import { HostOutput, Outputs } from "../infra/outputs";
import type { Deployment } from "./deployment";
import { UserError } from "./errors";
import type { Host } from "./host";

export const hasOutputs = ({ paths }: Deployment): boolean => existsSync(paths.outputs);

/** What `make infrastructure` handed over. Throws a UserError where it has not run yet. */
export function readOutputs(deployment: Deployment): Outputs {
  const file = deployment.paths.outputs;
  if (!hasOutputs(deployment)) {
    throw new UserError(`no infrastructure yet for the deployment "${deployment.name}"`, "run make infrastructure");
  }
  try {
    return Outputs.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new UserError(`${file} is damaged`, "run make infrastructure: it writes the file anew", { cause });
  }
}

/** The host that everything but Celery workers runs on. */
export const mainHost = (deployment: Deployment): HostOutput =>
  readOutputs(deployment).hosts.find(({ role }) => role === "main")!;

/** Connects to the main host, hands it to `use`, and disconnects however it ends. */
export async function onMainHost<T>(deployment: Deployment, use: (host: Host) => Promise<T>): Promise<T> {
  // ssh2 takes 0.1 s to load, and every script imports this file.
  const { withHost } = await import("./ssh-host");
  return withHost(deployment, mainHost(deployment), use);
}
