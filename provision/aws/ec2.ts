import type { EC2Client, Instance } from "@aws-sdk/client-ec2";
import { UserError } from "../base/errors";
import { AwsTarget } from "./target";
import { call, configuration } from "./aws";

export interface AwsInstance {
  readonly id: string;
  /** EC2's word: `running`, `stopped`, … */
  readonly state: string;
  readonly launched: Date;
}

/** @throws UserError if the region, or only the zone, does not offer this instance type */
export async function checkOffer(target: AwsTarget, type: string, zone: string): Promise<void> {
  const { DescribeInstanceTypeOfferingsCommand } = await import("@aws-sdk/client-ec2");
  const ec2 = await ec2Client(target);
  const { InstanceTypeOfferings = [] } = await call("ask for instance types", target, () =>
    ec2.send(
      new DescribeInstanceTypeOfferingsCommand({
        LocationType: "availability-zone",
        Filters: [{ Name: "instance-type", Values: [type] }],
      }),
    ),
  );
  const zones = InstanceTypeOfferings.map(({ Location }) => Location!).sort();
  if (zones.includes(zone)) return;
  throw zones.length === 0
    ? new UserError(`the region ${target.region} has no instance type ${type}`, "see aws.instanceType and aws.region")
    : new UserError(
        `the zone ${zone} has no instance type ${type}`,
        `these zones have it: ${zones.join(", ")}; see aws.zone`,
      );
}

/** @throws UserError if the account lacks one of these zones (by setting): accounts do not have the same zones */
export async function checkZones(target: AwsTarget, zones: Readonly<Record<string, string>>): Promise<void> {
  const { DescribeAvailabilityZonesCommand } = await import("@aws-sdk/client-ec2");
  const ec2 = await ec2Client(target);
  const { AvailabilityZones = [] } = await call("ask for availability zones", target, () =>
    ec2.send(new DescribeAvailabilityZonesCommand({ Filters: [{ Name: "state", Values: ["available"] }] })),
  );
  const known = AvailabilityZones.map(({ ZoneName }) => ZoneName!).sort();
  for (const [setting, zone] of Object.entries(zones)) {
    if (known.includes(zone)) continue;
    throw new UserError(`this account has no zone ${zone}`, `it has ${known.join(", ")}; see aws.${setting}`);
  }
}

/** The instances that have all of these tags and are not terminated. */
export async function findInstances(target: AwsTarget, tags: Readonly<Record<string, string>>): Promise<AwsInstance[]> {
  const { paginateDescribeInstances } = await import("@aws-sdk/client-ec2");
  const client = await ec2Client(target);
  const Filters = [
    ...Object.entries(tags).map(([name, value]) => ({ Name: `tag:${name}`, Values: [value] })),
    { Name: "instance-state-name", Values: ["pending", "running", "stopping", "stopped"] },
  ];
  return call("look for the deployment's instances", target, async () => {
    const found: Instance[] = [];
    for await (const { Reservations = [] } of paginateDescribeInstances({ client }, { Filters })) {
      found.push(...Reservations.flatMap(({ Instances = [] }) => Instances));
    }
    return found.map(({ InstanceId, State, LaunchTime }) => ({
      id: InstanceId!,
      state: State?.Name ?? "unknown",
      launched: LaunchTime ?? new Date(0),
    }));
  });
}

/** What the instance has written to its console; empty if EC2 has nothing yet. */
export async function consoleOutput(target: AwsTarget, instanceId: string): Promise<string> {
  const { GetConsoleOutputCommand } = await import("@aws-sdk/client-ec2");
  const ec2 = await ec2Client(target);
  const { Output } = await call(`read the console of ${instanceId}`, target, () =>
    ec2.send(new GetConsoleOutputCommand({ InstanceId: instanceId, Latest: true })),
  );
  return Buffer.from(Output ?? "", "base64").toString("utf8");
}

/** What still costs money after a teardown, one line each: snapshots, volumes and addresses with these tags. */
export async function findLeftovers(target: AwsTarget, tags: Readonly<Record<string, string>>): Promise<string[]> {
  const { DescribeSnapshotsCommand, DescribeVolumesCommand, DescribeAddressesCommand } =
    await import("@aws-sdk/client-ec2");
  const ec2 = await ec2Client(target);
  const Filters = Object.entries(tags).map(([name, value]) => ({ Name: `tag:${name}`, Values: [value] }));
  return call("look for what is left", target, async () => {
    const [{ Snapshots = [] }, { Volumes = [] }, { Addresses = [] }] = await Promise.all([
      ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"], Filters })),
      ec2.send(new DescribeVolumesCommand({ Filters })),
      ec2.send(new DescribeAddressesCommand({ Filters })),
    ]);
    return [
      ...Snapshots.map(
        ({ SnapshotId, VolumeSize, StartTime }) =>
          `snapshot ${SnapshotId}, of ${VolumeSize} GiB, ${StartTime?.toISOString().slice(0, 10) ?? ""}`,
      ),
      ...Volumes.map(({ VolumeId, Size }) => `volume ${VolumeId}, ${Size} GiB`),
      ...Addresses.map(({ PublicIp }) => `address ${PublicIp}`),
    ];
  });
}

async function ec2Client(target: AwsTarget): Promise<EC2Client> {
  const { EC2Client } = await import("@aws-sdk/client-ec2");
  return new EC2Client(configuration(target));
}
