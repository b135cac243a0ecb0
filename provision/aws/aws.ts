/**
 * How the files of this folder call AWS. A client is loaded at its first call, so verbs that do not call AWS start
 * quickly. Credentials are found as AWS's own tools find them; AWS_ENDPOINT_URL names another server.
 */
import { awsError } from "./aws-errors";
import type { AwsTarget } from "./target";
import { UserError } from "../base/errors";

// AWS's library warns of old versions of Node. package.json says which versions this project needs.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** The number of tries, and milliseconds for each: an operator waits for about a minute at most. */
const LIMITS = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
};

export const configuration = ({ region, profile }: AwsTarget) => ({ ...LIMITS, region, ...(profile && { profile }) });

/** Asks whose the credentials are. @throws UserError for the root user and for any account but the deployment's */
export async function checkAccount(target: AwsTarget): Promise<void> {
  const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const { Account, Arn = "" } = await call("ask whose credentials these are", target, () =>
    new STSClient(configuration(target)).send(new GetCallerIdentityCommand({})),
  );
  if (Account !== target.account) {
    throw new UserError(
      `these credentials are of the AWS account ${Account}, but the deployment is in ${target.account}`,
      "nothing was touched; check aws.account and aws.profile in the deployment file",
    );
  }
  if (/:root$/.test(Arn)) {
    throw new UserError(
      `these credentials are those of the root user of ${Account}`,
      "nothing was touched; use a role or user with the permissions of docs/aws.md",
    );
  }
}

/** Turns a failure of AWS into an error for the operator. @param what ends "cannot …": `look for the bucket x` */
export async function call<T>(what: string, target: AwsTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UserError ? error : awsError(what, target, error as Error);
  }
}
