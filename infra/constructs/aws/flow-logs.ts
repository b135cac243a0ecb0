import { CloudwatchLogGroup } from "@cdktf/provider-aws/lib/cloudwatch-log-group";
import { FlowLog } from "@cdktf/provider-aws/lib/flow-log";
import { IamRole } from "@cdktf/provider-aws/lib/iam-role";
import { IamRolePolicy } from "@cdktf/provider-aws/lib/iam-role-policy";
import type { Vpc } from "@cdktf/provider-aws/lib/vpc";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { assumedBy, policy } from "./policy";

/** Logs which addresses the network's traffic came from and went to. The logs are kept for a year. */
export function flowLogs(scope: Construct, { name, account, region }: AwsProps, vpc: Vpc, keyArn: string): void {
  const logs = new CloudwatchLogGroup(scope, "flow_logs", {
    name: `/${name}/vpc`,
    retentionInDays: 365,
    kmsKeyId: keyArn,
  });
  const role = new IamRole(scope, "flow_role", {
    name: `${name}-flow-logs`,
    description: "VPC flow logs write to their log group",
    assumeRolePolicy: assumedBy("vpc-flow-logs.amazonaws.com", account),
  });
  new IamRolePolicy(scope, "flow_policy", {
    role: role.id,
    name: "write",
    policy: policy({
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
      Resource: `arn:aws:logs:${region}:${account}:log-group:/${name}/vpc:*`,
    }),
  });
  new FlowLog(scope, "flow_log", {
    vpcId: vpc.id,
    trafficType: "ALL",
    logDestinationType: "cloud-watch-logs",
    logDestination: logs.arn,
    iamRoleArn: role.arn,
    maxAggregationInterval: 600,
    tags: { Name: name },
  });
}
