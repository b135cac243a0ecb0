import { KmsAlias } from "@cdktf/provider-aws/lib/kms-alias";
import { KmsKey } from "@cdktf/provider-aws/lib/kms-key";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { policy } from "./policy";

export const keyAlias = ({ name }: AwsProps): string => `alias/${name}`;

/** The key that encrypts disks, snapshots, backups and logs. Without it nobody can read them. */
export function encryptionKey(scope: Construct, props: AwsProps): KmsKey {
  const { name, account, region, isProtected } = props;
  const key = new KmsKey(scope, "key", {
    description: `${name}: disks, snapshots, backups, logs`,
    enableKeyRotation: true,
    deletionWindowInDays: 30,
    policy: policy(
      {
        Sid: "Account",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: "kms:*",
        Resource: "*",
      },
      {
        Sid: "FlowLogs",
        Effect: "Allow",
        Principal: { Service: `logs.${region}.amazonaws.com` },
        Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        Resource: "*",
        Condition: {
          ArnEquals: {
            "kms:EncryptionContext:aws:logs:arn": `arn:aws:logs:${region}:${account}:log-group:/${name}/vpc`,
          },
        },
      },
      {
        Sid: "Alarms",
        Effect: "Allow",
        Principal: { Service: "cloudwatch.amazonaws.com" },
        Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
        Resource: "*",
        Condition: { StringEquals: { "aws:SourceAccount": account } },
      },
    ),
    lifecycle: { preventDestroy: isProtected },
  });
  new KmsAlias(scope, "key_alias", { name: keyAlias(props), targetKeyId: key.keyId });
  return key;
}
