import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { TerraformVariable } from "../../cdktf";

/** What the host stack must know about the data stack. */
export interface DataIds {
  readonly volumeId: string;
  readonly addressId: string;
  readonly address: string;
  readonly keyArn: string;
  readonly snapshotPolicyId: string;
}

/**
 * The data stack's outputs, passed to the host stack as variables of the same names: this works with every backend, and
 * a host can be planned before its data exists. The defaults stand in for unknown ids; they are never applied.
 */
export function dataIds(scope: Construct, { region, account }: AwsProps): DataIds {
  const variable = (name: string, unknown: string): string =>
    new TerraformVariable(scope, name, { type: "string", default: unknown, description: `${name} of the data stack` })
      .stringValue;
  return {
    volumeId: variable("volume_id", "vol-00000000000000000"),
    addressId: variable("address_id", "eipalloc-00000000000000000"),
    address: variable("address_ip", "0.0.0.0"),
    snapshotPolicyId: variable("snapshot_policy_id", "policy-00000000000000000"),
    keyArn: variable("key_arn", `arn:aws:kms:${region}:${account}:key/00000000-0000-0000-0000-000000000000`),
  };
}
