import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import type { Context } from "../provision/base/context";
import type { Deployment } from "../provision/deployment/deployment";
import { authorizedKeys } from "../provision/deployment/operators";
import { UserError } from "../provision/base/errors";
import { LocalNames, localNames, readLocalHost, readLocalVolume } from "../provision/local/local-docker";
import { ROOT } from "../provision/deployment/paths";

/** What the local stacks are made from: the deployment, and what this machine's Docker already has of it. */
export interface LocalProps {
  readonly deployment: string;
  readonly names: LocalNames;
  /** Where the scripts are, relative to a stack's directory. */
  readonly scripts: string;
  /** Id of the data volume. If there is no volume, the id is new, and Terraform makes the volume. */
  readonly dataInstance: string;
  /** The same for the host. */
  readonly hostInstance: string;
  /** The host exists, but does not run. */
  readonly isStopped: boolean;
  /** The port of the host's sshd, on 127.0.0.1. */
  readonly port: number;
  /** Public keys that may log in from the first boot on. */
  readonly authorizedKeys: readonly string[];
  /** Debian mirror; empty for Debian's own servers. */
  readonly mirror: string;
}

export async function localProps(context: Context, deployment: Deployment): Promise<LocalProps> {
  const names = localNames(deployment);
  const [host, volume] = await Promise.all([readLocalHost(context, names), readLocalVolume(context, names.dataVolume)]);
  return {
    deployment: deployment.name,
    names,
    scripts: relative(join(deployment.paths.state, "cdktf.out/stacks/any"), join(ROOT, "infra/local")),
    dataInstance: volume ? volume.instance : newInstance("vol"),
    hostInstance: host ? host.instance : newInstance("i"),
    isStopped: host !== undefined && !host.running,
    port: host?.port || (await freePort(names.host)),
    authorizedKeys: authorizedKeys(deployment),
    mirror: deployment.build.aptMirror ?? "",
  };
}

export const newInstance = (kind: "vol" | "i"): string => `${kind}-${randomBytes(9).toString("hex").slice(0, 17)}`;

/**
 * Finds a free port, below those that operating systems hand out. The host's name decides where the search starts, so a
 * host that is made again usually gets the same port.
 */
async function freePort(name: string): Promise<number> {
  const first = createHash("sha256").update(name).digest().readUInt32BE() % 10_000;
  for (let i = 0; i < 10_000; i += 1) {
    const port = 20_000 + ((first + i) % 10_000);
    if (await isFree(port)) return port;
  }
  throw new UserError("no port from 20000 to 29999 is free on 127.0.0.1");
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
