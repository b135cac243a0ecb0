import { EbsVolume } from "@cdktf/provider-aws/lib/ebs-volume";
import type { KmsKey } from "@cdktf/provider-aws/lib/kms-key";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";

/** The volume at /srv/airflow. It outlives every host, and a last snapshot is made before it is destroyed. */
export function dataVolume(scope: Construct, props: AwsProps, key: KmsKey): EbsVolume {
  const { name, zones, dataGiB, fromSnapshot, isProtected } = props;
  return new EbsVolume(scope, "data", {
    availabilityZone: zones[0],
    size: dataGiB,
    ...(fromSnapshot && { snapshotId: fromSnapshot }),
    type: "gp3",
    encrypted: true,
    kmsKeyId: key.arn,
    finalSnapshot: true,
    // Terraform waits for the last snapshot. If it is the first one of a large volume, it takes hours.
    timeouts: { delete: "12h" },
    tags: { Name: `${name}-data`, Backup: name },
    lifecycle: { preventDestroy: isProtected },
  });
}
