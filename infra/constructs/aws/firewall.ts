import { Ec2InstanceConnectEndpoint } from "@cdktf/provider-aws/lib/ec2-instance-connect-endpoint";
import { SecurityGroup } from "@cdktf/provider-aws/lib/security-group";
import { VpcSecurityGroupEgressRule } from "@cdktf/provider-aws/lib/vpc-security-group-egress-rule";
import { VpcSecurityGroupIngressRule } from "@cdktf/provider-aws/lib/vpc-security-group-ingress-rule";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import type { Network } from "./network";

const PURPOSES: Readonly<Record<number, string>> = { 80: "package mirrors", 443: "packages, images, AWS" };

export interface Firewall {
  readonly group: SecurityGroup;
  /** The rules that let the host connect to others. */
  readonly waysOut: readonly VpcSecurityGroupEgressRule[];
}

/** Who may connect to the host: operators to port 22, or nobody. The web UI is reached through SSH only. */
export function firewall(scope: Construct, props: AwsProps, { vpc, subnet }: Network): Firewall {
  const { name, access, operatorNetworks, egressPorts } = props;
  const group = (id: string, description: string) =>
    // Not a fixed name but a prefix: a group that replaces another one exists beside it for a while.
    new SecurityGroup(scope, id, {
      namePrefix: `${name}-${id.replaceAll("_", "-")}-`,
      description,
      vpcId: vpc.id,
      tags: { Name: `${name}-${id.replaceAll("_", "-")}` },
      lifecycle: { createBeforeDestroy: true },
    });
  const tcp = (port: number) => ({ ipProtocol: "tcp", fromPort: port, toPort: port });

  const host = group("host_group", "Airflow host");
  const waysOut = egressPorts.map(
    (port) =>
      new VpcSecurityGroupEgressRule(scope, `host_to_${port}`, {
        securityGroupId: host.id,
        ...tcp(port),
        cidrIpv4: "0.0.0.0/0",
        description: PURPOSES[port] ?? "egressPorts of the deployment file",
      }),
  );
  for (const [cidr, names] of operatorNetworks) {
    new VpcSecurityGroupIngressRule(scope, `ssh_from_${cidr.replace(/[./]/g, "_")}`, {
      securityGroupId: host.id,
      ...tcp(22),
      cidrIpv4: cidr,
      description: describe(names),
    });
  }
  if (access === "eice") {
    const door = group("door_group", "EC2 Instance Connect Endpoint");
    const rule = { ...tcp(22), description: "SSH through the endpoint" };
    new VpcSecurityGroupEgressRule(scope, "door_to_host", {
      securityGroupId: door.id,
      referencedSecurityGroupId: host.id,
      ...rule,
    });
    new VpcSecurityGroupIngressRule(scope, "host_from_door", {
      securityGroupId: host.id,
      referencedSecurityGroupId: door.id,
      ...rule,
    });
    new Ec2InstanceConnectEndpoint(scope, "door", {
      subnetId: subnet.id,
      securityGroupIds: [door.id],
      preserveClientIp: false,
      tags: { Name: name },
    });
  }
  return { group: host, waysOut };
}

/** EC2 allows 255 characters in a rule's description, and only these. */
const describe = (names: readonly string[]): string =>
  `SSH from ${names.join(", ")}`.replace(/[^a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]/g, "?").slice(0, 255);
