import { closest } from "fastest-levenshtein";
import { z } from "zod";
import { Network, isPrivate, isPublic, parseNetwork } from "./networks";

const text = (pattern: RegExp, message: string) => z.string().regex(pattern, message);

/** The commercial regions (partition `aws`); China's and the government's have other ARNs and endpoints. */
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
    ? `"${value}" is another AWS partition: not yet`
    : `"${value}" is no AWS region that is known here; did you mean "${closest(value, REGIONS)}"?`;
  context.addIssue({ code: "custom", message });
});

const zone = text(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, "must be an availability zone, like `eu-central-1a`");

const account = text(/^(?!0{12})\d{12}$/, "must be 12 digits in quotes, without dashes");

/** EC2's rule for a bucket's name, without dots: they break TLS. */
const bucket = text(
  /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|--x-s3|--table-s3|-an)$)(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
  "must be a bucket's name: 3 to 63 lower-case letters, digits and single -, a letter or digit at both ends",
);

/** Xen machines: their console is not shown at once, and their disks do not carry the volume's id. */
const XEN = /^(a[0-9]-|t[12]|m[1-4]|c[1-4]|r[34]|i[23]|d2|g[23]s?|p[23]|x1e?|f1|h1|cc2|cr1|cg1|hi1|hs1)$/;

const instanceType = z.string().superRefine((value, context) => {
  const [, family, size] =
    /^([a-z]{1,3}\d{1,2}[a-z]*(?:-[a-z0-9]+)*)\.(nano|micro|small|medium|(?:[1-9]\d{0,2})?x?large|metal(?:-\d+xl)?)$/.exec(
      value,
    ) ?? [];
  const problem = !family
    ? "must be an instance type, like `t3.large`"
    : XEN.test(family) || family.startsWith("mac")
      ? "is a machine of another kind: take one of the Nitro system, like `t3.large` or `m7i.large`"
      : /^(nano|micro|small)$/.test(size!) || (size === "medium" && family.startsWith("c"))
        ? "is too small: Airflow needs 2 cores and 4 GiB of memory, as `t3.medium` has"
        : size === "medium" && !family.startsWith("t")
          ? "has one core: Airflow needs 2, as `t3.medium` has"
          : undefined;
  if (problem) context.addIssue({ code: "custom", message: `"${value}" ${problem}` });
});

/** Graviton's families carry a g after their generation: t4g, m7gd, c6gn. */
export const isArm = (type: string): boolean => /^([a-z]+\d+g|a1\.)/.test(type);

/** Seconds that tasks have to end when EC2 stops the host: Terraform waits ten minutes for it, of which Docker may take another 90 s. */
export const TASKS_STOP_SECONDS = 420;

/** The part of a bucket that a host may add backups to. */
export const BACKUP_PREFIX = "airflow/";

/** The role of a deployment's host. */
export const hostRoleName = (deployment: string): string => `airflow-${deployment}-host`;
export const roleArn = (account: string, name: string): string => `arn:aws:iam::${account}:role/${name}`;

const email = text(/^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>".]+$/, "must be an e-mail address");

const GIB = (least: number, most: number) => z.int().min(least).max(most);

/** A network that may reach port 22. The widest is a /16: no handful of them adds up to the whole internet. */
export const operatorNetwork = z.string().superRefine((value, context) => {
  const problem = problemOf(value, parseNetwork(value));
  if (problem) context.addIssue({ code: "custom", message: `"${value}" ${problem}` });
});

const WIDEST = 16;

function problemOf(value: string, network: Network | undefined): string | undefined {
  if (value.includes(":")) return "is IPv6: the host has an IPv4 address, give the one that you come from";
  if (!network) return "must be an IPv4 network in its own form, like `198.51.100.7/32` or `203.0.113.0/24`";
  if (network.bits < WIDEST) return `is open to strangers: /${WIDEST} is the widest, a single address is /32`;
  if (!isPublic(network) && !isPrivate(network)) return "is nobody's address on the internet";
  return undefined;
}

/** The part of a deployment file that only EC2 needs. */
export const AwsSettings = z
  .strictObject({
    profile: text(/^[\w.@+-][\w.@+ -]{0,127}$/, "must be the name of a profile in ~/.aws/config")
      .optional()
      .describe("profile of your AWS configuration; without it, whatever credentials AWS's own tools would find"),
    account: account.describe("the 12 digits of the AWS account, in quotes; nothing is touched in any other"),
    region: region.describe("where the host is made, like `eu-central-1`"),
    zone: zone.optional().describe("availability zone of the host and its data; without it, the region's `a`"),
    secondZone: zone
      .optional()
      .describe(
        "zone of the network's other half; without it, the region's `b` (its `a` where the host is not in `a`)",
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
        "the way in: `direct`, port 22 from `operators[].cidrs`; `ssm` and `eice`, through AWS with no port open; `proxyCommand`, a way of your own",
      ),
    proxyCommand: text(/^[^\r\n\0]+$/, "must be one line")
      .optional()
      .describe("as OpenSSH's, with %h %p %r: `ssh -W %h:%p bastion.example.org`; %h is the host's private address"),
    egressPorts: z
      .array(z.int().min(1).max(65535))
      .max(20)
      .default([])
      .describe("TCP ports that DAGs reach out to, beside 80 and 443: `[5432, 587]`"),
    instanceType: instanceType
      .default("t3.large")
      .describe("EC2's instance type, x86 or Graviton; at least 2 cores and 4 GiB of memory"),
    os: z.enum(["ubuntu-24.04", "debian-13"]).default("ubuntu-24.04").describe("what a new host runs"),
    rootGiB: GIB(16, 1024).default(30).describe("root disk: system and images, made again with the host"),
    dataGiB: GIB(8, 16384).default(40).describe("data volume: database, logs, DAG releases; may grow, never shrink"),
    backups: z
      .strictObject({
        bucket: bucket.optional().describe("bucket for backups; without it, `airflow-backups-<account>-<deployment>`"),
        days: z.int().min(7).max(3650).default(35).describe("days that a backup stays in the bucket"),
        objectLock: z
          .boolean()
          .default(false)
          .describe("nobody without a special permission deletes a backup in its first 30 days (or `days`, if less)"),
        snapshots: z.int().min(1).max(365).default(7).describe("daily snapshots of the data volume that are kept"),
      })
      .prefault({}),
    alarmEmail: email.optional().describe("who is written to when the host is ill or the budget is used up"),
    budgetUsd: z
      .number()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        "US dollars a month, of the whole account; `alarmEmail` is told at 80 % and when the forecast is over it",
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
        "IAM role that DAGs have in AWS: the host takes it on for them; without it they have no credentials, as containers cannot reach the host's",
      ),
  })
  .superRefine((aws, context) => {
    for (const [key, message] of inconsistencies(aws)) context.addIssue({ code: "custom", path: [key], message });
  });
export type AwsSettings = Readonly<z.infer<typeof AwsSettings>>;

/** What does not fit together, with the key to change. */
function* inconsistencies(aws: z.infer<typeof AwsSettings>): Generator<[key: string, message: string]> {
  const { host, second } = zonesOf(aws);
  for (const [key, value] of Object.entries({ zone: host, secondZone: second })) {
    if (value.slice(0, -1) !== aws.region) yield [key, `"${value}" is not in the region ${aws.region}`];
  }
  if (host === second) yield ["secondZone", `"${second}" is the host's own zone: name another of ${aws.region}`];
  if (aws.access === "proxyCommand" && !aws.proxyCommand)
    yield ["proxyCommand", "missing: access: proxyCommand needs one, like `ssh -W %h:%p bastion.example.org`"];
  if (aws.proxyCommand && aws.access !== "proxyCommand")
    yield ["proxyCommand", `is used with access: proxyCommand only, not with ${aws.access}: change one of them`];
  if (aws.access === "ssm" && aws.os !== "ubuntu-24.04")
    yield ["os", `has no SSM agent in its image: set os: ubuntu-24.04, or access: eice`];
  if (aws.budgetUsd && !aws.alarmEmail) yield ["budgetUsd", "tells nobody: give alarmEmail too"];
  if (aws.stateBucket && aws.state === "local") yield ["stateBucket", "is used with state: s3 only"];
  if (aws.stateBucket && aws.stateBucket === aws.backups.bucket)
    yield ["stateBucket", "is the backups' bucket too: each needs its own"];
  if (aws.taskRole && !aws.taskRole.startsWith(`arn:aws:iam::${aws.account}:`))
    yield ["taskRole", `is in another account than ${aws.account}`];
}

type Named = { readonly name: string; readonly aws: AwsSettings };
export const backupBucket = ({ name, aws }: Named): string =>
  aws.backups.bucket ?? `airflow-backups-${aws.account}-${name}`;
export const stateBucket = ({ aws }: Named): string => aws.stateBucket ?? `airflow-state-${aws.account}-${aws.region}`;

export const zonesOf = ({ region, zone, secondZone }: AwsSettings): { host: string; second: string } => {
  const host = zone ?? `${region}a`;
  return { host, second: secondZone ?? `${region}${host.endsWith("a") ? "b" : "a"}` };
};
