import { closest } from "fastest-levenshtein";
import { z } from "zod";
import { Network, isPrivate, isPublic, parseNetwork } from "./networks";

const text = (pattern: RegExp, message: string) => z.string().regex(pattern, message);

/** The regions of the commercial partition `aws`. Those of China and of governments have other ARNs and endpoints. */
const REGIONS = [
  ..."af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2".split(" "),
  ..."ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7".split(
    " ",
  ),
  ..."ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2".split(" "),
  ..."eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2".split(
    " ",
  ),
];

const region = z.string().superRefine((value, context) => {
  if (REGIONS.includes(value)) return;
  const message = /^(cn|us-gov|us-iso\w*|eu-isoe|eusc)-/.test(value)
    ? `"${value}" is in another AWS partition, which is not supported yet`
    : `"${value}" is not a known AWS region; did you mean "${closest(value, REGIONS)}"?`;
  context.addIssue({ code: "custom", message });
});

const zone = text(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, "must be an availability zone, like `eu-central-1a`");

const account = text(/^(?!0{12})\d{12}$/, "must be 12 digits in quotes, without dashes");

/** S3's rules for a bucket's name, and no dots: S3's TLS certificates do not cover names with dots. */
const bucket = text(
  /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3|-an)$)(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
  "must be a bucket's name: 3 to 63 lower-case letters, digits and single -, with a letter or digit at both ends",
);

/** Families on Xen: EC2 does not show their console at once, and their disks do not carry the volume's id. */
const XEN = /^(a[0-9]-|t[12]|m[1-4]|c[1-4]|r[34]|i[23]|d2|g[23]s?|p[23]|x1e?|f1|h1|cc2|cr1|cg1|hi1|hs1)$/;

const instanceType = z.string().superRefine((value, context) => {
  const [, family, size] =
    /^([a-z]{1,3}\d{1,2}[a-z]*(?:-[a-z0-9]+)*)\.(nano|micro|small|medium|(?:[1-9]\d{0,2})?x?large|metal(?:-\d+xl)?)$/.exec(
      value,
    ) ?? [];
  const problem = !family
    ? "must be an instance type, like `t3.large`"
    : XEN.test(family) || family.startsWith("mac")
      ? "is not supported: take a type that runs Linux on the Nitro system, like `t3.large` or `m7i.large`"
      : /^(nano|micro|small)$/.test(size!) || (size === "medium" && family.startsWith("c"))
        ? "is too small: Airflow needs 2 cores and 4 GiB of memory, as `t3.medium` has"
        : size === "medium" && !family.startsWith("t")
          ? "has one core: Airflow needs 2, as `t3.medium` has"
          : undefined;
  if (problem) context.addIssue({ code: "custom", message: `"${value}" ${problem}` });
});

/** Whether the type has an ARM processor (Graviton): its family has a g after the generation, as in t4g, m7gd, c6gn. */
export const isArm = (type: string): boolean => /^([a-z]+\d+g|a1\.)/.test(type);

/**
 * Seconds that running tasks get when EC2 stops the host. Terraform waits ten minutes for the stop, and Docker may need
 * 90 s of them.
 */
export const TASKS_STOP_SECONDS = 420;

/** The prefix under which a host may add backups to a bucket. */
export const BACKUP_PREFIX = "airflow/";

/** Days in which a backup that has expired, or was deleted by mistake, can still be brought back. */
export const UNDELETE_DAYS = 7;

/** The name of the IAM role of a deployment's host. */
export const hostRoleName = (deployment: string): string => `airflow-${deployment}-host`;
export const roleArn = (account: string, name: string): string => `arn:aws:iam::${account}:role/${name}`;

const email = text(/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/, "must be an e-mail address");

const GIB = (least: number, most: number) => z.int().min(least).max(most);

/** A network that may reach port 22. A few networks wider than /16 could add up to the whole internet. */
export const operatorNetwork = z.string().superRefine((value, context) => {
  const problem = problemOf(value, parseNetwork(value));
  if (problem) context.addIssue({ code: "custom", message: `"${value}" ${problem}` });
});

const WIDEST = 16;

function problemOf(value: string, network: Network | undefined): string | undefined {
  if (value.includes(":"))
    return "is IPv6, but the host has only an IPv4 address: give the IPv4 network that you come from";
  if (!network) return "must be an IPv4 network with its first address, like `198.51.100.7/32` or `203.0.113.0/24`";
  if (network.bits < WIDEST) return `is too wide: /${WIDEST} is the widest, a single address is /32`;
  if (!isPublic(network) && !isPrivate(network)) return "is a reserved network: nobody comes from it over the internet";
  return undefined;
}

/** The part of a deployment file that only a deployment on EC2 has. */
export const AwsSettings = z
  .strictObject({
    profile: text(/^[\w.@+-][\w.@+ -]{0,127}$/, "must be the name of a profile in ~/.aws/config")
      .optional()
      .describe("profile of your AWS configuration; without it, the credentials that AWS's own tools find"),
    account: account.describe("the 12 digits of the AWS account, in quotes; no other account is touched"),
    region: region.describe("where the host is made, like `eu-central-1`"),
    zone: zone.optional().describe("availability zone of the host and its data; without it, the region's `a`"),
    secondZone: zone
      .optional()
      .describe(
        "zone of the network's second subnet; without it, the region's `b`, or its `a` if the host is not in `a`",
      ),
    vpcCidr: z
      .string()
      .superRefine((value, context) => {
        const network = parseNetwork(value);
        if (!network || !isPrivate(network) || network.bits < 16 || network.bits > 24) {
          const message = `"${value}" must be a private IPv4 network from /16 to /24, like \`10.20.0.0/16\``;
          context.addIssue({ code: "custom", message });
        }
      })
      .default("10.20.0.0/16")
      .describe("addresses of the private network"),
    access: z
      .enum(["direct", "ssm", "eice", "proxyCommand"])
      .default("direct")
      .describe(
        "the way in: `direct`, port 22 from `operators[].cidrs`; `ssm` and `eice`, through AWS with no port open; `proxyCommand`, a command of your own",
      ),
    proxyCommand: text(/^[^\r\n\0]+$/, "must be one line")
      .optional()
      .describe("as OpenSSH's, with %h %p %r: `ssh -W %h:%p bastion.example.org`; %h is the host's private address"),
    egressPorts: z
      .array(z.int().min(1).max(65535))
      .max(20)
      .default([])
      .describe("TCP ports of other machines that DAGs may connect to, besides 80 and 443: `[5432, 587]`"),
    instanceType: instanceType
      .default("t3.large")
      .describe("EC2's instance type, x86 or Graviton; at least 2 cores and 4 GiB of memory"),
    os: z.enum(["ubuntu-24.04", "debian-13"]).default("ubuntu-24.04").describe("operating system of a new host"),
    rootGiB: GIB(16, 1024)
      .default(30)
      .describe("size of the root disk: system and images; it is made again with the host"),
    dataGiB: GIB(8, 16384)
      .default(40)
      .describe("size of the data volume: database, logs, DAG releases; it may grow, never shrink"),
    data: z
      .strictObject({
        fromSnapshot: text(
          /^snap-([0-9a-f]{8}|[0-9a-f]{17})$/,
          "must be a snapshot's id, like `snap-0123456789abcdef0`",
        )
          .optional()
          .describe(
            "snapshot that the data volume is made from; a volume that exists already is replaced, if you confirm it",
          ),
      })
      .prefault({}),
    backups: z
      .strictObject({
        bucket: bucket.optional().describe("bucket for backups; without it, `airflow-backups-<account>-<deployment>`"),
        days: z
          .int()
          .min(7)
          .max(3650)
          .default(35)
          .describe("days that a backup stays in the bucket; for 7 more days it can be brought back, and costs money"),
        objectLock: z
          .enum(["governance", "compliance", "none"])
          .default("governance")
          .describe(
            "who can delete a backup in its first 30 days (or `days`, if less): `governance`, only who has a special permission; `compliance`, nobody, and nobody can change that; `none`, everybody who may delete in the bucket",
          ),
        snapshots: z.int().min(1).max(365).default(7).describe("daily snapshots of the data volume that are kept"),
      })
      .prefault({}),
    alarmEmail: email
      .optional()
      .describe("address that gets a mail if the host is not healthy or the budget is used up"),
    budgetUsd: z
      .number()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        "US dollars a month for the whole account; `alarmEmail` gets a mail at 80 % and if the forecast is higher",
      ),
    state: z
      .enum(["local", "s3"])
      .default("local")
      .describe("where Terraform keeps its state: on this machine beside the keys, or in a bucket (needed by a team)"),
    stateBucket: bucket.optional().describe("bucket of the state; without it, `airflow-state-<account>-<region>`"),
    taskRole: text(
      /^arn:aws:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/,
      "must be a role's ARN: arn:aws:iam::<account>:role/…",
    )
      .optional()
      .describe(
        "IAM role that DAGs have in AWS, which the host assumes for them; without it they have no credentials, because containers cannot reach the host's",
      ),
  })
  .superRefine((aws, context) => {
    for (const [key, message] of inconsistencies(aws)) context.addIssue({ code: "custom", path: [key], message });
  });
export type AwsSettings = Readonly<z.infer<typeof AwsSettings>>;

/** Settings that contradict each other, with the key to change. */
function* inconsistencies(aws: z.infer<typeof AwsSettings>): Generator<[key: string, message: string]> {
  const { host, second } = zonesOf(aws);
  for (const [key, value] of Object.entries({ zone: host, secondZone: second })) {
    if (value.slice(0, -1) !== aws.region) yield [key, `"${value}" is not in the region ${aws.region}`];
  }
  if (host === second) yield ["secondZone", `"${second}" is the host's zone, too: name another zone of ${aws.region}`];
  if (aws.access === "proxyCommand" && !aws.proxyCommand)
    yield ["proxyCommand", "missing: access: proxyCommand needs one, like `ssh -W %h:%p bastion.example.org`"];
  if (aws.proxyCommand && aws.access !== "proxyCommand")
    yield ["proxyCommand", `is used only with access: proxyCommand, not with ${aws.access}: change one of them`];
  if (aws.access === "ssm" && aws.os !== "ubuntu-24.04")
    yield ["os", `${aws.os} has no SSM agent in its image: set os: ubuntu-24.04, or access: eice`];
  if (aws.budgetUsd && !aws.alarmEmail) yield ["budgetUsd", "would tell nobody: give alarmEmail, too"];
  if (aws.stateBucket && aws.state === "local") yield ["stateBucket", "is used only with state: s3"];
  if (aws.stateBucket && aws.stateBucket === aws.backups.bucket)
    yield ["stateBucket", "is also backups.bucket: each needs a bucket of its own"];
  if (aws.taskRole && !aws.taskRole.startsWith(`arn:aws:iam::${aws.account}:`))
    yield ["taskRole", `is not in the account ${aws.account}`];
}

type Named = { readonly name: string; readonly aws: AwsSettings };
export const backupBucket = ({ name, aws }: Named): string =>
  aws.backups.bucket ?? `airflow-backups-${aws.account}-${name}`;
export const stateBucket = ({ aws }: Named): string => aws.stateBucket ?? `airflow-state-${aws.account}-${aws.region}`;

export const zonesOf = ({ region, zone, secondZone }: AwsSettings): { host: string; second: string } => {
  const host = zone ?? `${region}a`;
  return { host, second: secondZone ?? `${region}${host.endsWith("a") ? "b" : "a"}` };
};
