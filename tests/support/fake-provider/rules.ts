import { randomBytes } from "node:crypto";
import { parseNetwork } from "../../../provision/deployment/networks";
import type { Block, Type } from "./bindings";
import { UNKNOWN, Values } from "./values";

/** How AWS begins an id; other types' ids begin with the type's name. */
const PREFIX: Record<string, string> = {
  aws_vpc: "vpc-",
  aws_subnet: "subnet-",
  aws_security_group: "sg-",
  aws_default_security_group: "sg-",
  aws_internet_gateway: "igw-",
  aws_route_table: "rtb-",
  aws_instance: "i-",
  aws_network_interface: "eni-",
  aws_ebs_volume: "vol-",
  aws_eip: "eipalloc-",
  aws_ami: "ami-",
  aws_vpc_endpoint: "vpce-",
};

/** How the value of an attribute with such a name must begin, so that a reference to the wrong kind of thing is noticed. */
const EXPECTED: readonly [name: RegExp, prefix: string][] = [
  [/(^|_)vpc_id$/, "vpc-"],
  [/(^|_)subnet_ids?$/, "subnet-"],
  [/security_group_ids?$/, "sg-"],
  [/network_interface_id$/, "eni-"],
  [/(^|_)instance_id$/, "i-"],
  [/^volume_id$/, "vol-"],
  [/route_table_ids?$/, "rtb-"],
  [/^gateway_id$/, "igw-"],
  [/^allocation_id$/, "eipalloc-"],
  [/^ami$/, "ami-"],
  [/_arns?$|^kms_key_id$/, "arn:aws:"],
];

/** Service and kind in an ARN, if the type's name does not say them. */
const ARN: Record<string, [service: string, kind: string]> = {
  aws_kms_key: ["kms", "key"],
  aws_iam_role: ["iam", "role"],
  aws_cloudwatch_log_group: ["logs", "log-group"],
  aws_sns_topic: ["sns", "topic"],
};

export interface Cloud {
  readonly account: string;
  readonly region: string;
  /** The IP address that every elastic IP gets. */
  readonly ip: string;
  /** Id of the newest image. */
  ami: string;
}

/** A value that AWS would make up. */
export function invent(cloud: Cloud, type: string, name: string, valueType: Type): unknown {
  const hex = randomBytes(9).toString("hex").slice(1);
  if (type === "aws_ami" && name === "id") return cloud.ami;
  if (name === "id") return (PREFIX[type] ?? `${type.slice(4).replaceAll("_", "-")}-`) + hex;
  if (name === "allocation_id") return `eipalloc-${hex}`;
  if (name === "key_id") return hex;
  if (name === "arn" || name.endsWith("_arn")) {
    const [service, kind] = ARN[type] ?? [type.split("_")[1]!, type.slice(4)];
    return `arn:aws:${service}:${service === "iam" ? "" : cloud.region}:${cloud.account}:${kind}/${hex}`;
  }
  if (/(^|_)ip$/.test(name)) return cloud.ip;
  const [, prefix] = EXPECTED.find(([pattern]) => pattern.test(name)) ?? [];
  if (prefix && valueType === "string") return prefix + hex;
  if (valueType === "string" || valueType === "dynamic") return `made-up-${name}-${hex}`;
  if (valueType === "number") return 0;
  if (valueType === "bool") return false;
  const [kind, inner] = valueType as [string, any];
  if (kind === "object") {
    return Object.fromEntries(Object.entries<Type>(inner).map(([key, each]) => [key, invent(cloud, type, key, each)]));
  }
  return kind === "map" ? {} : [];
}

/** The values that AWS would refuse, with the reason. */
export function problemsOf(type: string, block: Block, values: Values | null, at = ""): string[] {
  if (!values) return [];
  const own = Object.keys(block.attributes).flatMap((name) =>
    [values[name]].flat().flatMap((value) => {
      const problem = typeof value === "string" ? problemOf(name, value) : undefined;
      return problem ? [`${type}.${at}${name}: "${value}" ${problem}`] : [];
    }),
  );
  const nested = Object.entries(block.blocks).flatMap(([name, each]) =>
    [values[name] ?? []]
      .flat()
      .filter((value) => value !== UNKNOWN)
      .flatMap((value) => problemsOf(type, each.block, value, `${at}${name}.`)),
  );
  return [...own, ...nested];
}

function problemOf(name: string, value: string): string | undefined {
  const [, prefix] = EXPECTED.find(([pattern]) => pattern.test(name)) ?? [];
  if (prefix && !value.startsWith(prefix)) return `should start with "${prefix}"`;
  if (/cidr(_block|_ipv4)?$/.test(name) && !parseNetwork(value)) return "is not an IPv4 network";
  if (/^(vol|eipalloc)-0+$/.test(value) || value.endsWith("key/00000000-0000-0000-0000-000000000000"))
    return UNKNOWN_ID;
  return undefined;
}

/** The problem of a protected instance, unless an earlier apply has told the provider to lift the protection. */
export function refusedDeletion(type: string, { id, disable_api_termination, force_destroy }: Values): string[] {
  return type === "aws_instance" && disable_api_termination && !force_destroy
    ? [`OperationNotPermitted: The instance '${id}' may not be terminated: 'disableApiTermination'`]
    : [];
}

/** The problem of a stand-in for an id: it may be planned, but never applied. */
export const UNKNOWN_ID = "does not exist";
