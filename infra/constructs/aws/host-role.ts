import { IamInstanceProfile } from "@cdktf/provider-aws/lib/iam-instance-profile";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import type { Construct } from "constructs";
import { BACKUP_PREFIX, hostRoleName, roleArn } from "../../../provision/deployment/aws-settings";
import type { AwsProps } from "../../aws-props";
import { assumedBy, policy } from "./policy";

export const hostRoleArn = ({ account, deployment }: AwsProps): string => roleArn(account, hostRoleName(deployment));

/** What the host may do in AWS: add backups; be reached through Session Manager; hand DAGs their role. Nothing else. */
export function hostRole(scope: Construct, props: AwsProps, keyArn: string): IamInstanceProfile {
  const { account, region, access, backups, taskRole } = props;
  const role = new IamRole(scope, "host_role", {
    name: hostRoleName(props.deployment),
    description: "the Airflow host",
    assumeRolePolicy: assumedBy("ec2.amazonaws.com"),
  });
  new IamRolePolicy(scope, "host_adds_backups", {
    role: role.id,
    name: "add-backups",
    policy: policy(
      {
        Effect: "Allow",
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${backups.bucket}/${BACKUP_PREFIX}*`,
        // Only with If-None-Match: what is there is not written over.
        Condition: { Null: { "s3:if-none-match": "false" } },
      },
      {
        // To encrypt. Without kms:Decrypt the host cannot read, and cannot use multipart uploads: 5 GiB a backup.
        Effect: "Allow",
        Action: "kms:GenerateDataKey",
        Resource: keyArn,
        Condition: { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
      },
    ),
  });
  if (access === "ssm") {
    // Amazon's own policy for this, AmazonSSMManagedInstanceCore, lets a host read every parameter of the account.
    new IamRolePolicy(scope, "host_sessions", {
      role: role.id,
      name: "sessions",
      policy: policy(
        {
          Effect: "Allow",
          Action: "ssm:UpdateInstanceInformation",
          Resource: `arn:aws:ec2:${region}:${account}:instance/*`,
        },
        {
          Effect: "Allow",
          Action: [
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
          ],
          Resource: "*",
        },
      ),
    });
  }
  if (taskRole) {
    new IamRolePolicy(scope, "host_task_role", {
      role: role.id,
      name: "task-role",
      policy: policy({ Effect: "Allow", Action: "sts:AssumeRole", Resource: taskRole }),
    });
  }
  return new IamInstanceProfile(scope, "host_profile", { name: hostRoleName(props.deployment), role: role.name });
}
