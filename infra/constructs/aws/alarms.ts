import { CloudwatchMetricAlarm } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import type { Instance } from "@cdktf/provider-aws/lib/instance";
import { SnsTopic } from "@cdktf/provider-aws/lib/sns-topic";
import { SnsTopicSubscription } from "@cdktf/provider-aws/lib/sns-topic-subscription";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { keyAlias } from "./key";

/** Alarms that move a host off broken hardware and reboot one that hangs. If there is an `alarmEmail`, they send a mail. */
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
  // The first waits two minutes and the second three: both at once would disturb each other.
  alarm(
    "recover",
    "the hardware under the host is broken: AWS moves the host to other hardware",
    "StatusCheckFailed_System",
    2,
  );
  alarm("reboot", "the host does not answer: AWS reboots it", "StatusCheckFailed_Instance", 3);
}

/** ARNs to notify; there are none without an `alarmEmail`. */
function mail(scope: Construct, props: AwsProps): string[] {
  const { name, alarmEmail } = props;
  if (!alarmEmail) return [];
  const topic = new SnsTopic(scope, "alarms", { name: `${name}-alarms`, kmsMasterKeyId: keyAlias(props) });
  new SnsTopicSubscription(scope, "alarm_mail", { topicArn: topic.arn, protocol: "email", endpoint: alarmEmail });
  return [topic.arn];
}
