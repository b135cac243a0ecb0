import type { Construct } from "constructs";
import type { AwsProps } from "../aws-props";
import { TerraformOutput } from "../cdktf";
import { alarms } from "../constructs/aws/alarms";
import { budget } from "../constructs/aws/budget";
import { dataIds } from "../constructs/aws/data-ids";
import { firewall } from "../constructs/aws/firewall";
import { flowLogs } from "../constructs/aws/flow-logs";
import { host } from "../constructs/aws/host";
import { hostRole } from "../constructs/aws/host-role";
import { network } from "../constructs/aws/network";
import { AwsStack } from "../constructs/aws/stack";

/** All that can be made again: network, host, and what watches them. */
export class AwsHostStack extends AwsStack {
  constructor(scope: Construct, props: AwsProps) {
    super(scope, "host", props);
    const data = dataIds(this, props);
    const net = network(this, props);
    flowLogs(this, props, net.vpc, data.keyArn);
    const instance = host(this, props, net, firewall(this, props, net), hostRole(this, props, data.keyArn), data);
    alarms(this, props, instance, data.snapshotPolicyId);
    budget(this, props);

    new TerraformOutput(this, "hosts", {
      value: [
        {
          role: "main",
          id: instance.id,
          // A proxy command of the operator's own leads into the network, where the private address is reached.
          address: props.access === "proxyCommand" ? instance.privateIp : data.address,
          port: 22,
          user: props.user,
          privateAddress: instance.privateIp,
        },
      ],
    });
    new TerraformOutput(this, "dataDevice", { value: { volumeId: data.volumeId } });
    new TerraformOutput(this, "backupBucket", { value: props.backups.bucket });
  }
}
