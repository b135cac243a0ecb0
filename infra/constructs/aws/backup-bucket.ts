import type { KmsKey } from "@cdktf/provider-aws/lib/kms-key";
import { S3Bucket } from "@cdktf/provider-aws/lib/s3-bucket";
import { S3BucketLifecycleConfiguration } from "@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration";
import { S3BucketObjectLockConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-object-lock-configuration";
import { S3BucketOwnershipControls } from "@cdktf/provider-aws/lib/s3-bucket-ownership-controls";
import { S3BucketPolicy } from "@cdktf/provider-aws/lib/s3-bucket-policy";
import { S3BucketPublicAccessBlock } from "@cdktf/provider-aws/lib/s3-bucket-public-access-block";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration";
import { S3BucketVersioningA } from "@cdktf/provider-aws/lib/s3-bucket-versioning";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { hostRoleArn } from "./host-role";
import { policy } from "./policy";

/** Backups: private, encrypted, every version kept for as long as a backup; the host adds, and can do nothing else. */
export function backupBucket(scope: Construct, props: AwsProps, key: KmsKey): S3Bucket {
  const { backups, isProtected } = props;
  const arn = `arn:aws:s3:::${backups.bucket}`;
  const bucket = new S3Bucket(scope, "backups", {
    bucket: backups.bucket,
    forceDestroy: false,
    lifecycle: { preventDestroy: isProtected },
  });
  new S3BucketOwnershipControls(scope, "backups_ownership", {
    bucket: bucket.id,
    rule: { objectOwnership: "BucketOwnerEnforced" },
  });
  const versioning = new S3BucketVersioningA(scope, "backups_versioning", {
    bucket: bucket.id,
    versioningConfiguration: { status: "Enabled" },
  });
  new S3BucketServerSideEncryptionConfigurationA(scope, "backups_encryption", {
    bucket: bucket.id,
    rule: [
      {
        applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn },
        bucketKeyEnabled: true,
        // What S3 sets for every new bucket; said here, or each plan would want to take it away.
        blockedEncryptionTypes: ["SSE-C"],
      },
    ],
  });
  const closed = new S3BucketPublicAccessBlock(scope, "backups_private", {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new S3BucketPolicy(scope, "backups_policy", {
    bucket: bucket.id,
    dependsOn: [closed],
    policy: policy(
      {
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
      {
        // Holds even where somebody widens the role. By condition: a principal that is not there yet is refused.
        Sid: "HostAddsOnly",
        Effect: "Deny",
        Principal: "*",
        NotAction: "s3:PutObject",
        Resource: [arn, `${arn}/*`],
        Condition: { ArnEquals: { "aws:PrincipalArn": hostRoleArn(props) } },
      },
    ),
  });
  new S3BucketLifecycleConfiguration(scope, "backups_lifecycle", {
    bucket: bucket.id,
    dependsOn: [versioning],
    rule: [
      {
        id: "expire",
        status: "Enabled",
        filter: [{ prefix: "" }],
        expiration: [{ days: backups.days }],
        // As long as a backup: one that was written over must not be gone sooner.
        noncurrentVersionExpiration: [{ noncurrentDays: backups.days }],
        abortIncompleteMultipartUpload: [{ daysAfterInitiation: 2 }],
      },
      {
        id: "markers",
        status: "Enabled",
        filter: [{ prefix: "" }],
        expiration: [{ expiredObjectDeleteMarker: true }],
      },
    ],
  });
  if (backups.lockDays > 0) {
    new S3BucketObjectLockConfigurationA(scope, "backups_lock", {
      bucket: bucket.id,
      dependsOn: [versioning],
      rule: { defaultRetention: { mode: "GOVERNANCE", days: backups.lockDays } },
    });
  }
  return bucket;
}
