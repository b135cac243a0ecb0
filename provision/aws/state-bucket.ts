import type { S3Client } from "@aws-sdk/client-s3";
import { UserError } from "../base/errors";
import { AwsTarget } from "./target";
import { call, configuration } from "./aws";
import { hasBucket, isBucketEmpty, taken } from "./buckets";

interface Owned {
  readonly Bucket: string;
  readonly ExpectedBucketOwner: string;
}

/**
 * Makes a bucket for Terraform's states. A bucket that exists may be used by others: it is left as it is if it keeps
 * versions, and is configured only if it is empty, as an interrupted run leaves it. @throws UserError for any other
 */
export async function makeStateBucket(target: AwsTarget, bucket: string): Promise<"created" | "there already"> {
  const { S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client(configuration(target));
  const owned = { Bucket: bucket, ExpectedBucketOwner: target.account };
  const isThere = await hasBucket(target, bucket);
  if (isThere) {
    if (await call(`read the versioning of ${bucket}`, target, () => keepsVersions(client, owned)))
      return "there already";
    if (!(await isBucketEmpty(target, bucket))) {
      throw new UserError(
        `the bucket ${bucket} is not empty and keeps no versions: a state that is overwritten would be lost`,
        "nothing was touched; switch its versioning on, or choose another bucket: aws.stateBucket in the deployment file",
      );
    }
  }
  return call(`make the bucket ${bucket}`, target, async () => {
    if (!isThere) await create(client, target, bucket);
    await keepPrivate(client, owned);
    await encryptAtRest(client, owned);
    await dropOldVersions(client, owned);
    await refusePlainHttp(client, owned);
    // Versioning comes last: it marks the bucket as ready.
    await keepVersions(client, owned);
    return "created" as const;
  });
}

async function keepsVersions(client: S3Client, owned: Owned): Promise<boolean> {
  const { GetBucketVersioningCommand } = await import("@aws-sdk/client-s3");
  return (await client.send(new GetBucketVersioningCommand(owned))).Status === "Enabled";
}

async function create(client: S3Client, { region }: AwsTarget, bucket: string): Promise<void> {
  const { CreateBucketCommand } = await import("@aws-sdk/client-s3");
  // S3 refuses us-east-1 as a constraint, and only that region: it is the default.
  const location = region === "us-east-1" ? {} : { CreateBucketConfiguration: { LocationConstraint: region as never } };
  await client.send(new CreateBucketCommand({ Bucket: bucket, ...location })).catch((error: Error) => {
    throw error.name === "BucketAlreadyExists" ? taken(bucket) : error;
  });
}

async function keepPrivate(client: S3Client, owned: Owned): Promise<void> {
  const { PutPublicAccessBlockCommand } = await import("@aws-sdk/client-s3");
  const PublicAccessBlockConfiguration = {
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  };
  await client.send(new PutPublicAccessBlockCommand({ ...owned, PublicAccessBlockConfiguration }));
}

async function encryptAtRest(client: S3Client, owned: Owned): Promise<void> {
  const { PutBucketEncryptionCommand } = await import("@aws-sdk/client-s3");
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const }, BucketKeyEnabled: true };
  const ServerSideEncryptionConfiguration = { Rules: [rule] };
  await client.send(new PutBucketEncryptionCommand({ ...owned, ServerSideEncryptionConfiguration }));
}

async function dropOldVersions(client: S3Client, owned: Owned): Promise<void> {
  const { PutBucketLifecycleConfigurationCommand } = await import("@aws-sdk/client-s3");
  const rule = {
    ID: "old-states",
    Status: "Enabled" as const,
    Filter: { Prefix: "" },
    NoncurrentVersionExpiration: { NoncurrentDays: 90, NewerNoncurrentVersions: 20 },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
  };
  await client.send(
    new PutBucketLifecycleConfigurationCommand({ ...owned, LifecycleConfiguration: { Rules: [rule] } }),
  );
}

async function refusePlainHttp(client: S3Client, owned: Owned): Promise<void> {
  const { PutBucketPolicyCommand } = await import("@aws-sdk/client-s3");
  await client.send(new PutBucketPolicyCommand({ ...owned, Policy: JSON.stringify(tlsOnly(owned.Bucket)) }));
}

async function keepVersions(client: S3Client, owned: Owned): Promise<void> {
  const { PutBucketVersioningCommand } = await import("@aws-sdk/client-s3");
  await client.send(new PutBucketVersioningCommand({ ...owned, VersioningConfiguration: { Status: "Enabled" } }));
}

const tlsOnly = (bucket: string) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "TlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ],
});
