import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkAccount } from "./aws";
import { hasBucket, isBucketEmpty } from "./buckets";
import { checkOffer, checkZones, findInstances, findLeftovers } from "./ec2";
import { backupBucket, stateBucket, zonesOf } from "../deployment/aws-settings";
import type { AwsDeployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

/** The tags that everything of a deployment carries. */
export const tagsOf = ({ name }: Pick<AwsDeployment, "name">) => ({ Project: `airflow-${name}` });

/** Is this the right account, is the bucket of the state there, is the instance type offered in the zone? @throws UserError */
export async function checkCloud(
  deployment: AwsDeployment,
  { isLeaving = false }: { readonly isLeaving?: boolean } = {},
): Promise<void> {
  const { aws } = deployment;
  const { host, second } = zonesOf(aws);
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
