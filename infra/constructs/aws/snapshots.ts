import { DlmLifecyclePolicy } from "@cdktf/provider-aws/lib/dlm-lifecycle-policy";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicyAttachment } from "@cdktf/provider-aws/lib/iam-role-policy-attachment";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { assumedBy } from "./policy";

/** Lets Amazon Data Lifecycle Manager make a snapshot of the data volume every night. */
export function dailySnapshots(scope: Construct, { name, account, backups }: AwsProps): DlmLifecyclePolicy {
  const role = new IamRole(scope, "snapshot_role", {
    name: `${name}-snapshots`,
    description: "Amazon Data Lifecycle Manager makes the daily snapshots",
    assumeRolePolicy: assumedBy("dlm.amazonaws.com", account),
  });
  new IamRolePolicyAttachment(scope, "snapshot_policy", {
    role: role.name,
    policyArn: "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole",
  });
  return new DlmLifecyclePolicy(scope, "snapshots", {
    description: `${name} daily snapshots`,
    executionRoleArn: role.arn,
    state: "ENABLED",
    policyDetails: {
      resourceTypes: ["VOLUME"],
      targetTags: { Backup: name },
      schedule: [
        {
          name: "daily",
          createRule: { interval: 24, intervalUnit: "HOURS", times: ["02:30"] },
          retainRule: { count: backups.snapshots },
          copyTags: true,
          tagsToAdd: { SnapshotOf: name },
        },
      ],
    },
  });
}
