import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { checkAccount } from "./aws";
import { hasBucket, isBucketEmpty } from "./buckets";
import { checkOffer, checkZones, findInstances, findLeftovers } from "./ec2";
import { backupBucket, stateBucket, zonesOf } from "../deployment/aws-settings";
import type { AwsDeployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

/** The tags that every resource of a deployment has. */
export const tagsOf = ({ name }: Pick<AwsDeployment, "name">) => ({ Project: `airflow-${name}` });

/**
 * Checks that this is the right account, that the bucket of the state exists, and that the zones and the instance type
 * are offered. A teardown (`isLeaving`) needs no zones and no instance type. @throws UserError
 */
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

/** Refuses to make a second host: if Terraform plans to make one and one exists, the state was lost. */
export async function refuseTwin(
  deployment: AwsDeployment,
  changes: readonly { readonly address: string; readonly action: string }[],
  untouched: string,
): Promise<void> {
  if (!changes.some(({ address, action }) => address === "aws_instance.host" && action === "create")) return;
  const found = await findInstances(deployment.aws, { ...tagsOf(deployment), Stack: "host" });
  if (found.length === 0) return;
  const told = found.map(({ id, state, launched }) => `${id} (${state}, since ${launched.toISOString().slice(0, 10)})`);
  throw new UserError(
    `Terraform's state holds no host, but this deployment has one: ${told.join(", ")}`,
    `${untouched}; find the lost state (a team needs aws.state: s3), or bring the host into the state: terraform import aws_instance.host <id>`,
  );
}

/** Refuses to delete a bucket with backups: Terraform would remove its protection, and then AWS would refuse. */
export async function refuseFullBucket(
  { aws }: AwsDeployment,
  changes: readonly { readonly action: string; readonly bucket?: string }[],
  untouched: string,
): Promise<void> {
  for (const { action, bucket } of changes) {
    if (!bucket || (action !== "delete" && action !== "replace") || (await isBucketEmpty(aws, bucket))) continue;
    throw new UserError(
      `the bucket ${bucket} holds backups: AWS deletes only empty buckets`,
      `${untouched}; set aws.backups.bucket and aws.region back to what they were, or make a new deployment`,
    );
  }
}

const HOUR = 3_600_000;

/** @throws UserError unless a backup was pulled (and so verified) within the last hour, or NO_BACKUP=1 is set */
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
    newest === 0 ? "there is no backup" : `the newest backup is from ${new Date(newest).toISOString().slice(0, 16)}Z`;
  throw new UserError(
    `${told} in ${paths.backups}: nothing was touched`,
    "run make backup first, or set NO_BACKUP=1 to go on without one",
  );
}

/** What this deployment still has on AWS that costs money, one line each. */
export async function leftovers(deployment: AwsDeployment): Promise<string[]> {
  const { aws, name } = deployment;
  const bucket = backupBucket(deployment);
  const [tagged, hasBackups] = await Promise.all([findLeftovers(aws, tagsOf(deployment)), hasBucket(aws, bucket)]);
  const key = `key alias/airflow-${name}, without which neither backups nor snapshots can be read`;
  return [...tagged, ...(hasBackups ? [`bucket ${bucket}, with the backups in it`, key] : [])];
}
