import { createHash } from "node:crypto";
import type { PlannedResource, ResourceChange } from "../aws/planned";
import { awsLoss, awsSummary } from "../aws/aws-words";
import { UserError } from "../base/errors";

/** The two stacks of a deployment, in the order they are made. */
export const STACKS = ["data", "host"] as const;
export type Stack = (typeof STACKS)[number];

type Action = "create" | "update" | "replace" | "delete";

export interface PlannedChange {
  readonly stack: Stack;
  /** Terraform's: `terraform_data.host`. */
  readonly address: string;
  readonly action: Action;
  /** For people: `create host airflow-local-1a2b3c4d`. */
  readonly summary: string;
  /** What is lost for good by it. */
  readonly loss?: string;
  /** The name of a bucket that is there. */
  readonly bucket?: string;
  /** Changes of one group are told in one line. */
  readonly group?: string;
  /** The same change of the same thing has the same digest. */
  readonly digest: string;
}

export interface InfrastructurePlan {
  /** Empty: nothing to do. */
  readonly changes: readonly PlannedChange[];
  /** One line a change or group, then cost and id where there is something to say. */
  readonly text: string;
  /** Names these changes, and no others. */
  readonly id: string;
  /** What is lost for good, a line each. */
  readonly losses: readonly string[];
}

/** `terraform show -json` of a plan, as far as it is read here. */
export interface TerraformPlan {
  readonly resource_changes?: readonly ResourceChange[];
  readonly planned_values?: { readonly root_module?: { readonly resources?: readonly PlannedResource[] } };
}
/** What a stack says of its own resources, by address. */
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
  replace: "make anew",
  delete: "destroy",
};

/** What a plan does to each resource; reading, forgetting and doing nothing are left out. */
export function plannedChanges(stack: Stack, plan: TerraformPlan, descriptions: Descriptions): PlannedChange[] {
  return (plan.resource_changes ?? []).flatMap((resource) => {
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

/** What Terraform plans and AWS would refuse half-way. */
export function refuseImpossible({ resource_changes: changes = [] }: TerraformPlan): void {
  for (const { type, change } of changes) {
    if (change.actions.join() !== "update") continue;
    const size = (values: any): number =>
      type === "aws_ebs_volume" ? values?.size : values?.root_block_device?.[0]?.volume_size;
    const [was, is] = [size(change.before), size(change.after)];
    if (!(is < was)) continue;
    const setting = type === "aws_ebs_volume" ? "aws.dataGiB" : "aws.rootGiB";
    throw new UserError(`${setting} is ${is}, the disk has ${was} GiB: it cannot shrink`, `set ${setting}: ${was}`);
  }
}

/** Local resources get a new random id with every plan. */
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
