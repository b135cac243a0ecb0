import { CloudwatchMetricAlarm, CloudwatchMetricAlarmConfig } from "@cdktf/provider-aws/lib/cloudwatch-metric-alarm";
import type { Instance } from "@cdktf/provider-aws/lib/instance";
import { SnsTopic } from "@cdktf/provider-aws/lib/sns-topic";
import { SnsTopicSubscription } from "@cdktf/provider-aws/lib/sns-topic-subscription";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { keyAlias } from "./encryption-key";

type Watched = Pick<
  CloudwatchMetricAlarmConfig,
  | "alarmDescription"
  | "namespace"
  | "metricName"
  | "statistic"
  | "period"
  | "evaluationPeriods"
  | "dimensions"
  | "treatMissingData"
>;

/**
 * Alarms that move a host off broken hardware and reboot one that hangs. If there is an `alarmEmail`, they send a mail, and
 * so do alarms for a disk that does not answer and for a snapshot that failed. These metrics of CloudWatch cost nothing.
 */
export function alarms(scope: Construct, props: AwsProps, instance: Instance, snapshotPolicyId: string): void {
  const { name, region } = props;
  const listeners = mail(scope, props);
  const alarm = (id: string, watched: Watched, actions: readonly string[] = []) =>
    new CloudwatchMetricAlarm(scope, id, {
      ...watched,
      alarmName: `${name}-${id}`,
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      actionsEnabled: true,
      alarmActions: [...actions, ...listeners],
      okActions: listeners,
    });
  const check = (alarmDescription: string, metricName: string, minutes: number): Watched => ({
    alarmDescription,
    namespace: "AWS/EC2",
    metricName,
    statistic: "Maximum",
    period: 60,
    evaluationPeriods: minutes,
    dimensions: { InstanceId: instance.id },
    // A host that somebody has stopped sends nothing, which is neither an alarm nor its end.
    treatMissingData: "missing",
  });
  const act = (action: string): string[] => [`arn:aws:automate:${region}:ec2:${action}`];
  // The first waits two minutes and the second three: both at once would disturb each other.
  alarm(
    "recover",
    check("the hardware under the host is broken: AWS moves the host to other hardware", "StatusCheckFailed_System", 2),
    act("recover"),
  );
  alarm("reboot", check("the host does not answer: AWS reboots it", "StatusCheckFailed_Instance", 3), act("reboot"));
  if (listeners.length === 0) return;
  alarm("volume", check("a disk of the host does not answer", "StatusCheckFailed_AttachedEBS", 5));
  alarm("snapshots", {
    alarmDescription: "the daily snapshot of the data volume failed",
    namespace: "AWS/EBS",
    metricName: "SnapshotsCreateFailed",
    statistic: "Sum",
    period: 3600,
    evaluationPeriods: 1,
    dimensions: { DLMPolicyId: snapshotPolicyId },
    // AWS sends this metric only if a snapshot fails.
    treatMissingData: "notBreaching",
  });
}

/** ARNs to notify; there are none without an `alarmEmail`. */
function mail(scope: Construct, props: AwsProps): string[] {
  const { name, alarmEmail } = props;
  if (!alarmEmail) return [];
  const topic = new SnsTopic(scope, "alarms", { name: `${name}-alarms`, kmsMasterKeyId: keyAlias(props) });
  new SnsTopicSubscription(scope, "alarm_mail", { topicArn: topic.arn, protocol: "email", endpoint: alarmEmail });
  return [topic.arn];
}
