/**
 * How this room calls AWS. A client loads with its first call: verbs that do not call AWS pay nothing.
 * Credentials are found as AWS's own tools find them; AWS_ENDPOINT_URL leads to another server.
 */
import { awsError } from "./aws-errors";
import type { AwsTarget } from "./target";
import { UserError } from "../base/errors";

// What Node versions this project needs is said in package.json, not on every operator's terminal.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** At most so many tries, so long each: an operator waits no more than about a minute. */
const LIMITS = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
};

export const configuration = ({ region, profile }: AwsTarget) => ({ ...LIMITS, region, ...(profile && { profile }) });

/** Who the credentials are. @throws UserError for the root user and for any account but the deployment's */
export async function checkAccount(target: AwsTarget): Promise<void> {
  const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const { Account, Arn = "" } = await call("ask who you are", target, () =>
    new STSClient(configuration(target)).send(new GetCallerIdentityCommand({})),
  );
  if (Account !== target.account) {
    throw new UserError(
      `these credentials are of the AWS account ${Account}, the deployment is in ${target.account}`,
      "nothing was touched; see aws.account and aws.profile in the deployment file",
    );
  }
  if (/:root$/.test(Arn)) {
    throw new UserError(
      `these credentials are the root user's of ${Account}`,
      "nothing was touched; use a role or user with the permissions of docs/aws.md",
    );
  }
}

/** Turns a failure of AWS into an error for the operator. @param what `look for the bucket x` */
export async function call<T>(what: string, target: AwsTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UserError ? error : awsError(what, target, error as Error);
  }
}
