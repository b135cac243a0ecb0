import { join, relative } from "node:path";
import { backupBucket, isArm, stateBucket, zonesOf } from "../provision/deployment/aws-settings";
import type { AwsDeployment } from "../provision/deployment/deployment";
import { authorizedKeys } from "../provision/deployment/operators";
import { UserError } from "../provision/base/errors";
import { parseNetwork, part } from "../provision/deployment/networks";

/** What the AWS stacks are made from: plain data, without Terraform's tokens. */
export interface AwsProps {
  readonly deployment: string;
  /** The names of all resources begin with it: `airflow-production`. */
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly profile?: string;
  /** Availability zones: that of the host and its data, and that of the network's other half. */
  readonly zones: readonly [host: string, second: string];
  readonly vpcCidr: string;
  readonly publicCidrs: readonly [string, string];
  readonly privateCidrs: readonly [string, string];
  readonly access: "direct" | "ssm" | "eice" | "proxyCommand";
  /** Networks that may reach port 22, each with the operators who come from there. */
  readonly operatorNetworks: ReadonlyMap<string, readonly string[]>;
  /** TCP ports that the host may reach on other machines. */
  readonly egressPorts: readonly number[];
  readonly instanceType: string;
  readonly image: Image;
  /** The login user of a new host. */
  readonly user: string;
  /** Public keys that may log in from the first boot on. */
  readonly authorizedKeys: readonly string[];
  readonly rootGiB: number;
  readonly dataGiB: number;
  /** What a new data volume is made from. */
  readonly fromSnapshot?: string;
  readonly backups: {
    readonly bucket: string;
    readonly days: number;
    /** The mode of the object lock, and the days in which an object cannot be deleted; undefined: there is no lock. */
    readonly lock?: { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly days: number };
    readonly snapshots: number;
  };
  readonly alarmEmail?: string;
  readonly budgetUsd?: number;
  readonly taskRole?: string;
  readonly state: State;
  /** False if a plan destroys what is protected: it is planned so to show what is lost, and applied only once confirmed. */
  readonly isProtected: boolean;
  /** False for a teardown: then only the backups and their key stay. */
  readonly hasData: boolean;
}

export interface Image {
  readonly os: "ubuntu-24.04" | "debian-13";
  /** The account that publishes it: anybody can publish an image of the same name. */
  readonly owner: string;
  readonly name: string;
  readonly architecture: "x86_64" | "arm64";
}

export type State =
  | { readonly kind: "local"; /** Relative to a stack's directory. */ readonly directory: string }
  | { readonly kind: "s3"; readonly bucket: string };

export interface AwsOptions {
  readonly isProtected?: boolean;
  readonly hasData?: boolean;
}

const OBJECT_LOCK_DAYS = 30;
const LOCK_MODES = { governance: "GOVERNANCE", compliance: "COMPLIANCE", none: undefined } as const;

/** @throws UserError if the deployment file is valid, but no host can be made from it yet */
export function awsProps(deployment: AwsDeployment, { isProtected = true, hasData = true }: AwsOptions = {}): AwsProps {
  const { name, aws, paths } = deployment;
  const { account, region, access, profile, alarmEmail, budgetUsd, taskRole } = aws;
  if (/-$|--/.test(name)) {
    throw new UserError(
      `"${name}" cannot be the name of a deployment on AWS`,
      "buckets are named after it, so it may have no -- and no - at the end",
    );
  }
  const { host, second } = zonesOf(aws);
  const vpc = parseNetwork(aws.vpcCidr)!;
  const { days, objectLock, snapshots } = aws.backups;
  const mode = LOCK_MODES[objectLock];
  return {
    deployment: name,
    name: `airflow-${name}`,
    account,
    region,
    ...(profile && { profile }),
    zones: [host, second],
    vpcCidr: aws.vpcCidr,
    publicCidrs: [part(vpc, 4, 0), part(vpc, 4, 1)],
    privateCidrs: [part(vpc, 4, 8), part(vpc, 4, 9)],
    access,
    operatorNetworks: operatorNetworks(deployment),
    egressPorts: [...new Set([80, 443, ...aws.egressPorts])].sort((a, b) => a - b),
    instanceType: aws.instanceType,
    image: imageOf(aws.os, isArm(aws.instanceType) ? "arm64" : "x86_64"),
    user: aws.os === "debian-13" ? "admin" : "ubuntu",
    authorizedKeys: authorizedKeys(deployment),
    rootGiB: aws.rootGiB,
    dataGiB: aws.dataGiB,
    ...(aws.data.fromSnapshot && { fromSnapshot: aws.data.fromSnapshot }),
    backups: {
      bucket: backupBucket(deployment),
      days,
      ...(mode && { lock: { mode, days: Math.min(OBJECT_LOCK_DAYS, days) } }),
      snapshots,
    },
    ...(alarmEmail && { alarmEmail }),
    ...(budgetUsd && { budgetUsd }),
    ...(taskRole && { taskRole }),
    state:
      aws.state === "s3"
        ? { kind: "s3", bucket: stateBucket(deployment) }
        : { kind: "local", directory: relative(join(paths.state, "cdktf.out/stacks/any"), paths.terraformState) },
    isProtected,
    hasData,
  };
}

/** Canonical's and Debian's own accounts: https://documentation.ubuntu.com/aws, https://wiki.debian.org/Cloud/AmazonEC2Image */
function imageOf(os: Image["os"], architecture: Image["architecture"]): Image {
  const arch = architecture === "arm64" ? "arm64" : "amd64";
  return os === "debian-13"
    ? { os, owner: "136693071363", name: `debian-13-${arch}-*`, architecture }
    : {
        os,
        owner: "099720109477",
        name: `ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${arch}-server-*`,
        architecture,
      };
}

/** The networks that may reach port 22. There are none for `ssm` and `eice`, which need no open port. */
function operatorNetworks({ operators, aws }: AwsDeployment): Map<string, string[]> {
  const networks = new Map<string, string[]>();
  if (aws.access === "ssm" || aws.access === "eice") return networks;
  for (const { name, cidrs = [] } of operators) {
    for (const cidr of new Set(cidrs)) networks.set(cidr, [...(networks.get(cidr) ?? []), name]);
  }
  if (aws.access === "direct" && networks.size === 0) {
    throw new UserError(
      "nobody could come in: `operators` is empty",
      "run make keypair, and write what it prints into the deployment file, with `cidrs`: the public address you come from",
    );
  }
  return networks;
}
