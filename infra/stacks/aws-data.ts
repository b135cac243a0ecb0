import type { Construct } from "constructs";
import type { AwsProps } from "../aws-props";
import { TerraformOutput } from "../cdktf";
import { address } from "../constructs/aws/address";
import { backupBucket } from "../constructs/aws/backup-bucket";
import { dataVolume } from "../constructs/aws/data-volume";
import { encryptionKey } from "../constructs/aws/encryption-key";
import { dailySnapshots } from "../constructs/aws/snapshots";
import { AwsStack } from "../constructs/aws/stack";

/** What outlives a host: its data, address and backups. After a teardown only the backups and their key are left. */
export class AwsDataStack extends AwsStack {
  constructor(scope: Construct, props: AwsProps) {
    super(scope, "data", props);
    const key = encryptionKey(this, props);
    const bucket = backupBucket(this, props, key);
    new TerraformOutput(this, "key_arn", { value: key.arn });
    new TerraformOutput(this, "backup_bucket", { value: bucket.bucket });
    if (!props.hasData) return;

    const volume = dataVolume(this, props, key);
    const ip = address(this, props);
    const snapshots = dailySnapshots(this, props);
    new TerraformOutput(this, "volume_id", { value: volume.id });
    new TerraformOutput(this, "snapshot_policy_id", { value: snapshots.id });
    new TerraformOutput(this, "address_id", { value: ip.allocationId });
    new TerraformOutput(this, "address_ip", { value: ip.publicIp });
  }
}
