import type { ResourceChange } from "./terraform-json";

type Values = Readonly<Record<string, any>>;
interface Words {
  readonly text: string;
  /** Changes with the same group are shown in one line, because each by itself says little. */
  readonly group?: string;
}

/** What a resource is called, by its type. `values` are those after the change, or before it for a deletion. */
const NAMES: Readonly<Record<string, (values: Values) => string>> = {
  aws_instance: ({ instance_type, root_block_device }) =>
    `host ${instance_type}, root disk ${root_block_device?.[0]?.volume_size} GiB`,
  aws_ebs_volume: ({ size, availability_zone, snapshot_id }) =>
    `data volume, ${size} GiB in ${availability_zone}${snapshot_id ? `, from ${snapshot_id}` : ""}`,
  aws_eip: ({ public_ip }) => `address${public_ip ? ` ${public_ip}` : ""}`,
  aws_s3_bucket: ({ bucket }) => `backup bucket ${bucket}`,
  aws_kms_key: () => "encryption key of disks, snapshots and backups",
  aws_vpc_security_group_ingress_rule: ({ from_port, cidr_ipv4, description }) =>
    `open port ${from_port} for ${cidr_ipv4 ?? "the endpoint"} (${description})`,
  aws_vpc_security_group_egress_rule: ({ to_port, cidr_ipv4, description }) =>
    `way out to port ${to_port} of ${cidr_ipv4 ?? "the host"} (${description})`,
  aws_iam_role_policy: ({ name }) => `permission "${name}"`,
  aws_budgets_budget: ({ limit_amount }) => `budget of ${Number(limit_amount)} USD a month`,
  aws_sns_topic_subscription: ({ endpoint }) => `alarm mails to ${endpoint}`,
  aws_dlm_lifecycle_policy: () => "daily snapshots of the data volume",
  aws_volume_attachment: () => "data volume's attachment to the host",
  aws_eip_association: () => "address's association with the host",
  terraform_data: () => "kind of host (system and processor)",
};

const GROUPS: readonly [type: RegExp, group: string][] = [
  [
    /^aws_(vpc|subnet|internet_gateway|route|route_table|route_table_association|vpc_endpoint|network_interface)$/,
    "network",
  ],
  [/^aws_(default_security_group|security_group|ec2_instance_connect_endpoint)$/, "network"],
  [/^aws_(flow_log|cloudwatch_log_group)$/, "network's flow logs"],
  [/^aws_(cloudwatch_metric_alarm|sns_topic)$/, "alarms"],
  [/^aws_s3_bucket_/, "backup bucket's settings"],
  [/^aws_iam_(role|instance_profile|role_policy_attachment)$/, "roles"],
  [/^aws_kms_alias$/, "key's name"],
];

export function awsSummary({ type, address, change }: ResourceChange, action: string): Words | undefined {
  const values = change.after ?? change.before ?? {};
  const group = GROUPS.find(([pattern]) => pattern.test(type))?.[1];
  const name = NAMES[type]?.(values) ?? (group ? `${group}: ${address}` : undefined);
  if (!name) return undefined;
  const why = action === "update" ? differences(change) : action === "replace" ? reasons(change) : "";
  return { text: `${name}${why}`, ...(group && action !== "update" && { group }) };
}

const NEVER_TOLD = new Set(["tags_all", "user_data"]);
const shown = (value: unknown): string => (value === undefined || value === null ? "none" : JSON.stringify(value));

/** ` (size: 40 → 100)`. Values that are known only after apply are left out: they follow from other changes. */
function differences({ before, after, after_unknown }: ResourceChange["change"]): string {
  const [was, is, unknown] = [flat(before), flat(after), flat(after_unknown)];
  const changed = [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((key) => !NEVER_TOLD.has(key) && !JSON.stringify(unknown[key] ?? false).includes("true"))
    .filter((key) => shown(was[key]) !== shown(is[key]))
    .map((key) => `${key}: ${shown(was[key])} → ${shown(is[key])}`);
  return changed.length > 0 ? ` (${changed.join(", ")})` : "";
}

/** The attributes that force a replacement: ` (another subnet_id)`. */
const reasons = ({ replace_paths: paths = [] }: ResourceChange["change"]): string =>
  paths.length > 0
    ? ` (another ${paths.map((path) => path.filter((key) => typeof key === "string").join(".")).join(", ")})`
    : "";

/** Names the attributes of a block that is there once: `root_block_device.volume_size`. */
const flat = (values: Values | null | undefined): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(values ?? {}).flatMap(([key, value]): [string, unknown][] =>
      Array.isArray(value) && value.length === 1 && typeof value[0] === "object" && value[0] !== null
        ? Object.entries(value[0] as Values).map(([inner, each]) => [`${key}.${inner}`, each])
        : [[key, value]],
    ),
  );

/** What is lost for good if a resource of this type is destroyed. With other types nothing is lost. */
const LOSSES: Readonly<Record<string, (values: Values) => string>> = {
  aws_instance: ({ id }) =>
    `the host ${id}: its root disk with images and system logs; Airflow is down until make provision; the data volume stays`,
  aws_ebs_volume: ({ id, size }) =>
    `the data volume ${id}, ${size} GiB: database, task logs, DAG releases; a last snapshot is made`,
  aws_eip: ({ public_ip }) =>
    `the address ${public_ip}: nobody can get it back; DNS names and firewalls elsewhere may use it`,
  aws_s3_bucket: ({ bucket }) => `the bucket ${bucket} with every backup in it`,
  aws_kms_key: ({ arn }) => `the key ${arn}: without it no disk, snapshot or backup can be read again`,
};

export const awsLoss = ({ type, change }: ResourceChange): string | undefined => LOSSES[type]?.(change.before ?? {});
