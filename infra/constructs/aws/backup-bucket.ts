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
import { BACKUP_PREFIX, UNDELETE_DAYS } from "../../../provision/deployment/aws-settings";
import type { AwsProps } from "../../aws-props";
import { hostRoleArn } from "./host-role";
import { policy } from "./policy";

/** The bucket of the backups, private and encrypted. Earlier versions stay for a week more; the host may only add. */
export function backupBucket(scope: Construct, props: AwsProps, key: KmsKey): S3Bucket {
  const { backups, isProtected } = props;
  const arn = `arn:aws:s3:::${backups.bucket}`;
  // In a condition, because S3 refuses a principal that does not exist yet.
  const byHost = { ArnEquals: { "aws:PrincipalArn": hostRoleArn(props) } };
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
      // The rest holds even if somebody gives the role more permissions.
      {
        Sid: "HostAddsOnly",
        Effect: "Deny",
        Principal: "*",
        NotAction: "s3:PutObject",
        Resource: [arn, `${arn}/*`],
        Condition: byHost,
      },
      {
        Sid: "HostAddsBackupsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:PutObject",
        NotResource: `${arn}/${BACKUP_PREFIX}*`,
        Condition: byHost,
      },
      {
        // With If-None-Match, S3 refuses an object that exists already.
        Sid: "HostOverwritesNothing",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:PutObject",
        Resource: `${arn}/*`,
        Condition: { ...byHost, Null: { "s3:if-none-match": "true" } },
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
        // What expires, or is deleted by mistake, becomes an earlier version first.
        noncurrentVersionExpiration: [{ noncurrentDays: UNDELETE_DAYS }],
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
  if (backups.lock) {
    new S3BucketObjectLockConfigurationA(scope, "backups_lock", {
      bucket: bucket.id,
      dependsOn: [versioning],
      rule: { defaultRetention: backups.lock },
    });
  }
  return bucket;
}
