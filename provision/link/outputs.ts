import { existsSync, readFileSync } from "node:fs";
import { Outputs } from "../../infra/outputs";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

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
