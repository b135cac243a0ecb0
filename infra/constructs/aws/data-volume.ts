import { EbsVolume } from "@cdktf/provider-aws/lib/ebs-volume";
import type { KmsKey } from "@cdktf/provider-aws/lib/kms-key";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";

/** What is at /srv/airflow: it outlives every host, and its destruction leaves a snapshot. */
export function dataVolume(scope: Construct, { name, zones, dataGiB, isProtected }: AwsProps, key: KmsKey): EbsVolume {
  return new EbsVolume(scope, "data", {
    availabilityZone: zones[0],
    size: dataGiB,
    type: "gp3",
    encrypted: true,
    kmsKeyId: key.arn,
    finalSnapshot: true,
    // The last snapshot is waited for; the first one of a large volume takes hours.
    timeouts: { delete: "12h" },
    tags: { Name: `${name}-data`, Backup: name },
    lifecycle: { preventDestroy: isProtected },
  });
}
