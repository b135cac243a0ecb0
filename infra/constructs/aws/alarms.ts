import { CloudwatchMetricAlarm } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import type { Instance } from "@cdktf/provider-aws/lib/instance";
import { SnsTopic } from "@cdktf/provider-aws/lib/sns-topic";
import { SnsTopicSubscription } from "@cdktf/provider-aws/lib/sns-topic-subscription";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { keyAlias } from "./key";

/** A host on broken hardware is moved, one that hangs is rebooted; both are told by mail. */
export function alarms(scope: Construct, props: AwsProps, instance: Instance): void {
  const { name, region } = props;
  const listeners = mail(scope, props);
  const alarm = (id: "recover" | "reboot", description: string, metricName: string, minutes: number) =>
    new CloudwatchMetricAlarm(scope, id, {
      alarmName: `${name}-${id}`,
      alarmDescription: description,
      namespace: "AWS/EC2",
      metricName,
      statistic: "Maximum",
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      period: 60,
      evaluationPeriods: minutes,
      dimensions: { InstanceId: instance.id },
      alarmActions: [`arn:aws:automate:${region}:ec2:${id}`, ...listeners],
      okActions: listeners,
    });
  // Two minutes and three: both at once would undo each other.
  alarm("recover", "the machine under the host is broken: it is moved to another", "StatusCheckFailed_System", 2);
  alarm("reboot", "the host does not answer: it is rebooted", "StatusCheckFailed_Instance", 3);
}

/** ARNs to tell; nobody where there is no address. */
function mail(scope: Construct, props: AwsProps): string[] {
  const { name, alarmEmail } = props;
  if (!alarmEmail) return [];
  const topic = new SnsTopic(scope, "alarms", { name: `${name}-alarms`, kmsMasterKeyId: keyAlias(props) });
  new SnsTopicSubscription(scope, "alarm_mail", { topicArn: topic.arn, protocol: "email", endpoint: alarmEmail });
  return [topic.arn];
}
