import { createHash } from "node:crypto";
import type { PlannedResource, ResourceChange } from "../aws/terraform-json";
import { awsLoss, awsSummary } from "../aws/aws-words";
import { UserError } from "../base/errors";

/** The two stacks of a deployment, in the order in which they are made. */
export const STACKS = ["data", "host"] as const;
export type Stack = (typeof STACKS)[number];

type Action = "create" | "update" | "replace" | "delete";

export interface PlannedChange {
  readonly stack: Stack;
  /** Terraform's address: `terraform_data.host`. */
  readonly address: string;
  readonly action: Action;
  /** For people: `create host airflow-local-1a2b3c4d`. */
  readonly summary: string;
  /** What the change loses for good. */
  readonly loss?: string;
  /** If the resource is an S3 bucket that exists: its name. */
  readonly bucket?: string;
  /** Changes of one group are shown in one line. */
  readonly group?: string;
  /** Equal for the same change of the same resource. */
  readonly digest: string;
}

export interface InfrastructurePlan {
  /** Empty if there is nothing to do. */
  readonly changes: readonly PlannedChange[];
  /** One line for each change or group; if there are any, the notes follow (on AWS costs and id). */
  readonly text: string;
  /** 8 hex digits that stand for exactly these changes. */
  readonly id: string;
  /** What is lost for good, one line each. */
  readonly losses: readonly string[];
}

/** A plan in `terraform show -json`, as far as this project reads it. */
export interface TerraformPlan {
  readonly resource_changes?: readonly ResourceChange[];
  readonly planned_values?: { readonly root_module?: { readonly resources?: readonly PlannedResource[] } };
}
/** The words that a stack gives to its own resources, by address. */
export type Descriptions = Readonly<Record<string, { readonly summary?: string; readonly verb?: string }>>;

const ACTIONS: Readonly<Record<string, Action>> = {
  create: "create",
  update: "update",
  delete: "delete",
  "delete,create": "replace",
  "create,delete": "replace",
};
const WORDS: Readonly<Record<Action, string>> = {
  create: "create",
  update: "change",
  replace: "replace",
  delete: "destroy",
};

/**
 * What a plan changes, in the order of the configuration: Terraform sorts by address. Resources that are only read or
 * forgotten, or that stay as they are, are left out.
 */
export function plannedChanges(stack: Stack, plan: TerraformPlan, descriptions: Descriptions): PlannedChange[] {
  const known = Object.keys(descriptions);
  const order = ({ address }: ResourceChange): number =>
    known.includes(address) ? known.indexOf(address) : known.length;
  const resources = [...(plan.resource_changes ?? [])].sort((a, b) => order(a) - order(b));
  return resources.flatMap((resource) => {
    const { address, change } = resource;
    const action = ACTIONS[change.actions.join()];
    if (!action) return [];
    const { summary, verb = WORDS[action] } = descriptions[address] ?? {};
    const aws = summary === undefined ? awsSummary(resource, action) : undefined;
    const loss = action === "delete" || action === "replace" ? awsLoss(resource) : undefined;
    return [
      {
        stack,
        address,
        action,
        summary: `${verb} ${summary ?? aws?.text ?? address}`,
        ...(aws?.group && { group: `${verb} ${aws.group}` }),
        ...(loss && { loss }),
        ...(resource.type === "aws_s3_bucket" && change.before && { bucket: String(change.before["bucket"]) }),
        digest: digest(identity(resource)),
      },
    ];
  });
}

/** @throws UserError if a disk would shrink: Terraform plans that, but AWS refuses it half-way */
export function refuseImpossible({ resource_changes: changes = [] }: TerraformPlan): void {
  for (const { type, change } of changes) {
    if (change.actions.join() !== "update") continue;
    const size = (values: any): number =>
      type === "aws_ebs_volume" ? values?.size : values?.root_block_device?.[0]?.volume_size;
    const [was, is] = [size(change.before), size(change.after)];
    if (!(is < was)) continue;
    const setting = type === "aws_ebs_volume" ? "aws.dataGiB" : "aws.rootGiB";
    throw new UserError(`${setting} is ${is}, but the disk has ${was} GiB and cannot shrink`, `set ${setting}: ${was}`);
  }
}

/** What makes a change the same. A `terraform_data` to be made is given another random id by every synth. */
const identity = ({ address, type, change: { actions, before, after, after_unknown } }: ResourceChange): unknown =>
  type === "terraform_data" ? [address, actions, before?.["id"]] : [address, actions, before, after, after_unknown];

const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

export function summarize(changes: readonly PlannedChange[], notes: readonly string[] = []): InfrastructurePlan {
  const id = digest(changes.map((change) => [change.stack, change.digest])).slice(0, 8);
  const losses = changes.flatMap(({ loss }) => loss ?? []);
  const lines = new Set(changes.map(({ stack, summary, group }) => `${stack}: ${group ?? summary}`));
  const parts = (line: string): number => changes.filter(({ stack, group }) => `${stack}: ${group}` === line).length;
  const text = [...lines].map((line) => (parts(line) > 1 ? `${line} (${parts(line)} parts)` : line));
  return { changes, text: [...text, ...(changes.length > 0 ? notes : [])].join("\n"), id, losses };
}
