import { createHash } from "node:crypto";
import type { Deployment } from "./deployment";

/** The port of `make ui`: that of the deployment file, or the same one each time, below those that systems hand out. 0: any. */
export const uiPort = ({ name, ui }: Deployment): number =>
  ui.port ?? 20_000 + (createHash("sha256").update(name).digest().readUInt32BE() % 10_000);

/** Browsers keep cookies by name, whatever the port: with a name of its own, no deployment logs another one out. */
export const uiAddress = ({ name }: Deployment, port: number): string => `http://${name}.localhost:${port}/`;

/** Where `make ui` shows a run; undefined if its port is another one each time. */
export function runAddress(deployment: Deployment, dag: string, run: string): string | undefined {
  const port = uiPort(deployment);
  if (port === 0) return undefined;
  return `${uiAddress(deployment, port)}dags/${encodeURIComponent(dag)}/runs/${encodeURIComponent(run)}`;
}
