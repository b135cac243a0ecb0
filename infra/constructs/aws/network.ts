import { DefaultSecurityGroup } from "@cdktf/provider-aws/lib/default-security-group";
import { InternetGateway } from "@cdktf/provider-aws/lib/internet-gateway";
import { Route } from "@cdktf/provider-aws/lib/route";
import { RouteTable } from "@cdktf/provider-aws/lib/route-table";
import { RouteTableAssociation } from "@cdktf/provider-aws/lib/route-table-association";
import { Subnet } from "@cdktf/provider-aws/lib/subnet";
import { Vpc } from "@cdktf/provider-aws/lib/vpc";
import { VpcEndpoint } from "@cdktf/provider-aws/lib/vpc-endpoint";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";

export interface Network {
  readonly vpc: Vpc;
  /** The route to the internet. */
  readonly route: Route;
  /** The subnet of the host. */
  readonly subnet: Subnet;
}

/** A network of the deployment's own, in two zones. Nothing is in the private subnets yet. */
export function network(scope: Construct, props: AwsProps): Network {
  const { name, region, zones, vpcCidr, publicCidrs, privateCidrs } = props;
  const tags = (part: string) => ({ Name: `${name}-${part}` });
  const vpc = new Vpc(scope, "vpc", {
    cidrBlock: vpcCidr,
    enableDnsSupport: true,
    enableDnsHostnames: true,
    tags: { Name: name },
  });
  // This group has no rules, so a machine that is started with it by mistake can reach nothing.
  new DefaultSecurityGroup(scope, "default_group", { vpcId: vpc.id, ingress: [], egress: [], tags: tags("unused") });
  const gateway = new InternetGateway(scope, "gateway", { vpcId: vpc.id, tags: { Name: name } });

  const half = (kind: "public" | "private", cidrs: readonly [string, string]) => {
    const routes = new RouteTable(scope, `${kind}_routes`, { vpcId: vpc.id, tags: tags(kind) });
    const subnets = zones.map((zone, i) => {
      const subnet = new Subnet(scope, `${kind}_${i}`, {
        vpcId: vpc.id,
        cidrBlock: cidrs[i]!,
        availabilityZone: zone,
        mapPublicIpOnLaunch: false,
        tags: tags(`${kind}-${i}`),
      });
      new RouteTableAssociation(scope, `${kind}_${i}_routes`, { subnetId: subnet.id, routeTableId: routes.id });
      return subnet;
    });
    return { routes, subnets };
  };
  const open = half("public", publicCidrs);
  const closed = half("private", privateCidrs);
  const route = new Route(scope, "public_internet", {
    routeTableId: open.routes.id,
    destinationCidrBlock: "0.0.0.0/0",
    gatewayId: gateway.id,
  });
  new VpcEndpoint(scope, "s3", {
    vpcId: vpc.id,
    serviceName: `com.amazonaws.${region}.s3`,
    vpcEndpointType: "Gateway",
    routeTableIds: [open.routes.id, closed.routes.id],
    tags: tags("s3"),
  });
  return { vpc, route, subnet: open.subnets[0]! };
}
