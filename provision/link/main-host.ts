import type { HostOutput } from "./outputs";
import type { Deployment } from "../deployment/deployment";
import type { Host } from "./host";
import { readOutputs } from "./outputs";
import { withHost } from "./ssh-host";

/** The host that runs everything except Celery workers. */
export const mainHost = (deployment: Deployment): HostOutput =>
  readOutputs(deployment).hosts.find(({ role }) => role === "main")!;

/** Connects to the main host, hands it to `use`, and always disconnects afterwards. */
export const onMainHost = <T>(deployment: Deployment, use: (host: Host) => Promise<T>): Promise<T> =>
  withHost(deployment, mainHost(deployment), use);
