import { UserError } from "../base/errors";
import { AwsTarget } from "./target";
import { call, configuration } from "./aws";

/** Whether a bucket holds nothing, not even old versions. A bucket that does not exist counts as empty. */
export async function isBucketEmpty(target: AwsTarget, bucket: string): Promise<boolean> {
  const { S3Client, ListObjectVersionsCommand } = await import("@aws-sdk/client-s3");
  return call(`look into the bucket ${bucket}`, target, async () => {
    try {
      const { Versions = [], DeleteMarkers = [] } = await new S3Client(configuration(target)).send(
        new ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1, ExpectedBucketOwner: target.account }),
      );
      return Versions.length + DeleteMarkers.length === 0;
    } catch (error) {
      if ((error as Error).name === "NoSuchBucket") return true;
      throw error;
    }
  });
}

/** Whether this account has the bucket. @throws UserError if somebody else, or another region, has it */
export async function hasBucket(target: AwsTarget, bucket: string): Promise<boolean> {
  const { S3Client, HeadBucketCommand } = await import("@aws-sdk/client-s3");
  return call(`look for the bucket ${bucket}`, target, async () => {
    try {
      await new S3Client(configuration(target)).send(
        new HeadBucketCommand({ Bucket: bucket, ExpectedBucketOwner: target.account }),
      );
      return true;
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === 404) return false;
      if (status === 403 || status === 301) throw taken(bucket);
      throw error;
    }
  });
}

export const taken = (bucket: string): UserError =>
  new UserError(
    `the bucket ${bucket} belongs to somebody else, is in another region, or you may not see it`,
    "choose another name in the deployment file: aws.stateBucket for the state, aws.backups.bucket for backups",
  );
