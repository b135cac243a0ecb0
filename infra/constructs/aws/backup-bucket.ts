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

/** The bucket of the backups, private and encrypted. Each version stays as long as a backup; the host may only add. */
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
        // S3 sets this for every new bucket; if it were not written here, each plan would want to remove it.
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
        // This holds even if somebody gives the role more permissions. The role is named in a condition, because S3
        // refuses a principal that does not exist yet.
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
        // A backup that was overwritten or deleted stays for as many days more.
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
