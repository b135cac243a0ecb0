/**
 * The one door to AWS. A client loads with its first call: verbs that do not call AWS pay nothing.
 * Credentials are found as AWS's own tools find them; AWS_ENDPOINT_URL leads to another server.
 */
import type { EC2Client, Instance } from "@aws-sdk/client-ec2";
import type { S3Client } from "@aws-sdk/client-s3";
import { awsError } from "./aws-errors";
import { UserError } from "../base/errors";

// What Node versions this project needs is said in package.json, not on every operator's terminal.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** Whose account, and where: the part of a deployment's `aws` settings that every call needs. */
export interface AwsTarget {
  readonly account: string;
  readonly region: string;
  readonly profile?: string | undefined;
}

export interface AwsInstance {
  readonly id: string;
  /** EC2's word: `running`, `stopped`, … */
  readonly state: string;
  readonly launched: Date;
}

/** At most so many tries, so long each: an operator waits no more than about a minute. */
const LIMITS = {
  maxAttempts: 4,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
};

const configuration = ({ region, profile }: AwsTarget) => ({ ...LIMITS, region, ...(profile && { profile }) });

/** Who the credentials are. @throws UserError for the root user and for any account but the deployment's */
export async function checkAccount(target: AwsTarget): Promise<void> {
  const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const { Account, Arn = "" } = await call("ask who you are", target, () =>
    new STSClient(configuration(target)).send(new GetCallerIdentityCommand({})),
  );
  if (Account !== target.account) {
    throw new UserError(
      `these credentials are of the AWS account ${Account}, the deployment is in ${target.account}`,
      "nothing was touched; see aws.account and aws.profile in the deployment file",
    );
  }
  if (/:root$/.test(Arn)) {
    throw new UserError(
      `these credentials are the root user's of ${Account}`,
      "nothing was touched; use a role or user with the permissions of docs/aws.md",
    );
  }
}

/** Is this instance type offered in the zone? Unknown types and zones are told apart. */
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
    : new UserError(`the zone ${zone} has no instance type ${type}`, `these have: ${zones.join(", ")}; see aws.zone`);
}

/** Are these zones of the region there for this account? Which ones are differs from account to account. */
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

/** A bucket that is not there is empty. */
export async function isBucketEmpty(target: AwsTarget, bucket: string): Promise<boolean> {
  const { S3Client, ListObjectVersionsCommand } = await import("@aws-sdk/client-s3");
  return call(`look into the bucket ${bucket}`, target, async () => {
    try {
      const { Versions = [], DeleteMarkers = [] } = await new S3Client(configuration(target)).send(
        new ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 1, ExpectedBucketOwner: target.account }),
      );
      return Versions.length + DeleteMarkers.length === 0;
    } catch (error) {
      if ((error as Error).name === "NoSuchBucket") return true;
      throw error;
    }
  });
}

/** The instances that carry all of these tags and are not gone for good. */
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

/** What the instance has written to its console; empty where EC2 has nothing yet. */
export async function consoleOutput(target: AwsTarget, instanceId: string): Promise<string> {
  const { GetConsoleOutputCommand } = await import("@aws-sdk/client-ec2");
  const ec2 = await ec2Client(target);
  const { Output } = await call(`read the console of ${instanceId}`, target, () =>
    ec2.send(new GetConsoleOutputCommand({ InstanceId: instanceId, Latest: true })),
  );
  return Buffer.from(Output ?? "", "base64").toString("utf8");
}

/** What costs money when a deployment is gone: snapshots of its volume, addresses and volumes that carry its tags. */
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

/**
 * Makes a bucket that is fit for Terraform's states. One that is there is somebody's: it is left as it is where it keeps
 * versions, and made fit only where it is empty, as an interrupted run leaves it.
 */
export async function makeStateBucket(target: AwsTarget, bucket: string): Promise<"created" | "there already"> {
  const s3 = await import("@aws-sdk/client-s3");
  const client: S3Client = new s3.S3Client(configuration(target));
  const owned = { Bucket: bucket, ExpectedBucketOwner: target.account };
  const isThere = await hasBucket(target, bucket);
  if (isThere) {
    const { Status } = await call(`read the versioning of ${bucket}`, target, () =>
      client.send(new s3.GetBucketVersioningCommand(owned)),
    );
    if (Status === "Enabled") return "there already";
    if (!(await isBucketEmpty(target, bucket))) {
      throw new UserError(
        `the bucket ${bucket} holds something and keeps no versions: a state that is written over would be lost`,
        "nothing was touched; switch its versioning on, or choose another: aws.stateBucket in the deployment file",
      );
    }
  }
  return call(`make the bucket ${bucket}`, target, async () => {
    if (!isThere) {
      const location = { LocationConstraint: target.region as never };
      await client
        .send(
          new s3.CreateBucketCommand({
            Bucket: bucket,
            // The oldest region is the only one that must not be named.
            ...(target.region !== "us-east-1" && { CreateBucketConfiguration: location }),
          }),
        )
        .catch((error: Error) => {
          throw /^BucketAlreadyExists$/.test(error.name) ? taken(bucket) : error;
        });
    }
    await client.send(
      new s3.PutPublicAccessBlockCommand({
        ...owned,
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      }),
    );
    await client.send(
      new s3.PutBucketEncryptionCommand({
        ...owned,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: true }],
        },
      }),
    );
    await client.send(
      new s3.PutBucketLifecycleConfigurationCommand({
        ...owned,
        LifecycleConfiguration: {
          Rules: [
            {
              ID: "old-states",
              Status: "Enabled",
              Filter: { Prefix: "" },
              NoncurrentVersionExpiration: { NoncurrentDays: 90, NewerNoncurrentVersions: 20 },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            },
          ],
        },
      }),
    );
    await client.send(new s3.PutBucketPolicyCommand({ ...owned, Policy: JSON.stringify(tlsOnly(bucket)) }));
    // Last: by it a bucket that is ready is known.
    await client.send(new s3.PutBucketVersioningCommand({ ...owned, VersioningConfiguration: { Status: "Enabled" } }));
    return "created" as const;
  });
}

/** Is there a bucket of this name that is ours? */
export async function hasBucket(target: AwsTarget, bucket: string): Promise<boolean> {
  const { S3Client, HeadBucketCommand } = await import("@aws-sdk/client-s3");
  return call(`look for the bucket ${bucket}`, target, async () => {
    try {
      await new S3Client(configuration(target)).send(
        new HeadBucketCommand({ Bucket: bucket, ExpectedBucketOwner: target.account }),
      );
      return true;
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === 404) return false;
      if (status === 403 || status === 301) throw taken(bucket);
      throw error;
    }
  });
}

const tlsOnly = (bucket: string) => ({
  Version: "2012-10-17",
  Statement: [
    {
      Sid: "TlsOnly",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ],
});

const taken = (bucket: string): UserError =>
  new UserError(
    `the bucket ${bucket} belongs to somebody else, is in another region, or you may not see it`,
    "choose another name: aws.stateBucket in the deployment file",
  );

async function ec2Client(target: AwsTarget): Promise<EC2Client> {
  const { EC2Client } = await import("@aws-sdk/client-ec2");
  return new EC2Client(configuration(target));
}

async function call<T>(what: string, target: AwsTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UserError ? error : awsError(what, target, error as Error);
  }
}
