import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors";
import { sh } from "../base/shell";
import type { AwsDeployment } from "../deployment/deployment";
import { byHand, stackDirectory } from "./folders";
import { STACKS } from "./planned-changes";

/** @throws UserError if an earlier run could not store its state: that one is newer than what Terraform would read */
export function refuseUnstoredState(deployment: AwsDeployment): void {
  for (const stack of STACKS) {
    const file = join(stackDirectory(deployment, stack), "errored.tfstate");
    if (!existsSync(file)) continue;
    const store = sh`${byHand(deployment, stack, "state", "push", "errored.tfstate")} && rm ${file}`;
    throw new UserError(
      `an earlier run could not store the state of ${stack}: it is in ${file}`,
      `nothing was touched; store it: ${store.text}`,
    );
  }
}

/** @throws UserError if a state on this machine holds resources of another account */
export function refuseForeignState({ aws, paths }: AwsDeployment): void {
  if (aws.state !== "local") return;
  for (const stack of STACKS) {
    const file = join(paths.terraformState, `${stack}.tfstate`);
    const [account] = existsSync(file) ? accountsOf(readFileSync(file, "utf8")).filter((id) => id !== aws.account) : [];
    if (!account) continue;
    throw new UserError(
      `the state ${file} is of the AWS account ${account}, but the deployment is in ${aws.account}`,
      "nothing was touched; check aws.account in the deployment file, or move that state away",
    );
  }
}

/** The accounts of a state's resources, by each one's own `arn`. The ARNs to which resources refer do not count. */
export function accountsOf(state: string): string[] {
  const arns = state.matchAll(/"arn":\s*"arn:aws[\w-]*:[\w-]*:[\w-]*:(\d{12}):/g);
  return [...new Set([...arns].map(([, account]) => account!))];
}
