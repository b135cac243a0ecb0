import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkAccount, checkOffer, checkZones, findInstances, findLeftovers, hasBucket, isBucketEmpty } from "./aws";
import { backupBucket, stateBucket, zonesOf } from "../deployment/aws-settings";
import type { AwsDeployment } from "../deployment/deployment";
import { UserError } from "../base/errors";
import { terraformProgram } from "../stacks/terraform-plan";

/** The tags that everything of a deployment carries. */
export const tagsOf = ({ name }: Pick<AwsDeployment, "name">) => ({ Project: `airflow-${name}` });

/** Before Terraform is started: the right account, a state that can be believed, an instance type that is offered. */
export async function checkAws(
  deployment: AwsDeployment,
  { isLeaving = false }: { readonly isLeaving?: boolean } = {},
): Promise<void> {
  const { aws } = deployment;
  const { host, second } = zonesOf(aws);
  refuseForgottenState(deployment);
  refuseForeignState(deployment);
  await checkAccount(aws);
  const [hasState] = await Promise.all([
    aws.state === "s3" ? hasBucket(aws, stateBucket(deployment)) : true,
    ...(isLeaving
      ? []
      : [checkZones(aws, { zone: host, secondZone: second }), checkOffer(aws, aws.instanceType, host)]),
  ]);
  if (!hasState)
    throw new UserError(`there is no bucket ${stateBucket(deployment)} for the state`, "run make state-bucket");
}

/** What Terraform could not write at the end of a run is newer than what it reads at the next: that must not be lost. */
function refuseForgottenState({ name, paths }: AwsDeployment): void {
  for (const stack of ["data", "host"]) {
    const folder = join(paths.state, "cdktf.out/stacks", stack);
    if (!existsSync(join(folder, "errored.tfstate"))) continue;
    throw new UserError(
      `an earlier run could not store the state of ${stack}: it lies in ${join(folder, "errored.tfstate")}`,
      `nothing was touched; store it: cd ${folder} && TF_DATA_DIR=${join(paths.state, "terraform", stack)} ` +
        `${terraformProgram()} state push errored.tfstate && rm errored.tfstate (deployment ${name})`,
    );
  }
}

function refuseForeignState({ aws, paths }: AwsDeployment): void {
  if (aws.state !== "local") return;
  for (const stack of ["data", "host"]) {
    const file = join(paths.terraformState, `${stack}.tfstate`);
    const [account] = existsSync(file) ? accountsOf(readFileSync(file, "utf8")).filter((id) => id !== aws.account) : [];
    if (!account) continue;
    throw new UserError(
      `the state ${file} is of the AWS account ${account}, the deployment is in ${aws.account}`,
      "nothing was touched; see aws.account in the deployment file, or move that state away",
    );
  }
}

/** The accounts of what a state holds: of the `arn` that each resource has of itself, not of what it refers to. */
export function accountsOf(state: string): string[] {
  const arns = state.matchAll(/"arn":\s*"arn:aws[\w-]*:[\w-]*:[\w-]*:(\d{12}):/g);
  return [...new Set([...arns].map(([, account]) => account!))];
}

/** A host that Terraform would make although one is there: its state was lost. There is never a second one. */
export async function refuseTwin(
  deployment: AwsDeployment,
  changes: readonly { readonly address: string; readonly action: string }[],
): Promise<void> {
  if (!changes.some(({ address, action }) => address === "aws_instance.host" && action === "create")) return;
  const found = await findInstances(deployment.aws, { ...tagsOf(deployment), Stack: "host" });
  if (found.length === 0) return;
  const told = found.map(({ id, state, launched }) => `${id} (${state}, since ${launched.toISOString().slice(0, 10)})`);
  throw new UserError(
    `Terraform's state knows no host, but there is one of this deployment: ${told.join(", ")}`,
    "nothing was touched; find the state (a team: state: s3), or bring the host into it: terraform import aws_instance.host <id>",
  );
}

/** AWS deletes no bucket that holds something: Terraform would take its protection away and then fail. */
export async function refuseFullBucket(
  { aws }: AwsDeployment,
  changes: readonly { readonly action: string; readonly bucket?: string }[],
): Promise<void> {
  for (const { action, bucket } of changes) {
    if (!bucket || (action !== "delete" && action !== "replace") || (await isBucketEmpty(aws, bucket))) continue;
    throw new UserError(
      `the bucket ${bucket} holds backups: AWS deletes no bucket that is not empty`,
      "nothing was touched; leave aws.backups.bucket and aws.region as they were, or begin another deployment beside this one",
    );
  }
}

const HOUR = 3_600_000;

/** Data dies only where a backup of the last hour was pulled, which is verified then, or somebody says NO_BACKUP=1. */
export function requireFreshBackup({ paths }: Pick<AwsDeployment, "paths">, now = Date.now()): void {
  if (process.env["NO_BACKUP"] === "1") return;
  const pulled = existsSync(paths.backups)
    ? readdirSync(paths.backups)
        .filter((name) => !name.startsWith("."))
        .map((name) => join(paths.backups, name, "manifest.json"))
        .filter((manifest) => existsSync(manifest))
        .map((manifest) => statSync(manifest).mtimeMs)
    : [];
  const newest = Math.max(0, ...pulled);
  if (now - newest < HOUR) return;
  const told =
    newest === 0 ? "there is no backup" : `the newest backup is of ${new Date(newest).toISOString().slice(0, 16)}Z`;
  throw new UserError(
    `${told} in ${paths.backups}: nothing was touched`,
    "run make backup first; NO_BACKUP=1 goes without",
  );
}

/** One line for everything of this deployment that is still there and costs money. */
export async function leftovers(deployment: AwsDeployment): Promise<string[]> {
  const { aws, name } = deployment;
  const bucket = backupBucket(deployment);
  const [tagged, hasBackups] = await Promise.all([findLeftovers(aws, tagsOf(deployment)), hasBucket(aws, bucket)]);
  const key = `key alias/airflow-${name}, without which neither backups nor snapshots can be read`;
  return [...tagged, ...(hasBackups ? [`bucket ${bucket}, with the backups in it`, key] : [])];
}
