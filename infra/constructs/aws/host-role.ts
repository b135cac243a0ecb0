import { IamInstanceProfile } from "@cdktf/provider-aws/lib/iam-instance-profile";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import type { Construct } from "constructs";
import { BACKUP_PREFIX, hostRoleName, roleArn } from "../../../provision/deployment/aws-settings";
import type { AwsProps } from "../../aws-props";
import { Statement, assumedBy, policy } from "./policy";

export const hostRoleArn = ({ account, deployment }: AwsProps): string => roleArn(account, hostRoleName(deployment));

export interface HostRole {
  readonly profile: IamInstanceProfile;
  /** They must exist before the host first starts: without them the agent of Session Manager gives up for a long time. */
  readonly policies: readonly IamRolePolicy[];
}

/** What the host may do in AWS: add backups and, if the settings say so, use Session Manager and assume the role of DAGs. */
export function hostRole(scope: Construct, props: AwsProps, keyArn: string): HostRole {
  const { account, region, access, backups, taskRole } = props;
  const role = new IamRole(scope, "host_role", {
    name: hostRoleName(props.deployment),
    description: "the Airflow host",
    assumeRolePolicy: assumedBy("ec2.amazonaws.com"),
  });
  const may = (id: string, name: string, ...statements: readonly Statement[]) =>
    new IamRolePolicy(scope, id, { role: role.id, name, policy: policy(...statements) });

  const policies = [
    may(
      "host_adds_backups",
      "add-backups",
      {
        Effect: "Allow",
        Action: "s3:PutObject",
        Resource: `arn:aws:s3:::${backups.bucket}/${BACKUP_PREFIX}*`,
        Condition: {
          // Only with If-None-Match, so that the host cannot overwrite anything.
          Null: { "s3:if-none-match": "false" },
          // If the bucket is deleted, a stranger may take its name.
          StringEquals: { "aws:ResourceAccount": account },
        },
      },
      {
        // The host may encrypt. Without kms:Decrypt it cannot read, and cannot use multipart uploads: a file of a backup
        // has 5 GiB at most.
        Effect: "Allow",
        Action: "kms:GenerateDataKey",
        Resource: keyArn,
        Condition: { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
      },
    ),
  ];
  if (access === "ssm") {
    // Amazon's own policy for this, AmazonSSMManagedInstanceCore, lets a host read every parameter of the account.
    policies.push(
      may(
        "host_sessions",
        "sessions",
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
    );
  }
  if (taskRole)
    policies.push(
      may("host_task_role", "task-role", { Effect: "Allow", Action: "sts:AssumeRole", Resource: taskRole }),
    );
  const profile = new IamInstanceProfile(scope, "host_profile", {
    name: hostRoleName(props.deployment),
    role: role.name,
  });
  return { profile, policies };
}
