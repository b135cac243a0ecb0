import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { ROOT } from "../../provision/deployment/paths";
import { ACCOUNT, REGION, Stacks, awsDeployment, synthesize } from "../support/aws";

// What AWS would decide, by a simulator of IAM that evaluates conditions. It is no AWS: it knows actions, resources and
// condition keys from AWS's own lists.

const root = mkdtempSync(join(tmpdir(), "aws-permissions-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Context = Record<string, string | string[]>;
async function decision(
  principal: string,
  policy: object,
  action: string,
  resource: string,
  {
    context = {},
    resourcePolicy,
    owner = ACCOUNT,
  }: { context?: Context; resourcePolicy?: object; owner?: string } = {},
): Promise<string> {
  const response = await runSimulation(
    {
      identityPolicies: [{ name: "own", policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(resourcePolicy && { resourcePolicy }),
      request: { principal, action, resource: { resource, accountId: owner }, contextVariables: context },
    },
    {},
  );
  if (response.resultType === "error") throw new Error(JSON.stringify(response.errors));
  return response.overallResult;
}

describe("the host", () => {
  const BUCKET = `airflow-backups-${ACCOUNT}-production`;
  const BACKUP = `arn:aws:s3:::${BUCKET}/airflow/1/manifest.json`;
  const HOST = `arn:aws:sts::${ACCOUNT}:assumed-role/airflow-production-host/i-0123`;
  const WIDENED = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
  const onlyNew = { "s3:if-none-match": "*" };
  let stacks: Stacks;
  beforeAll(() => (stacks = synthesize(awsDeployment(root))));

  const ask = (policy: object, action: string, resource: string, context: Context, owner = ACCOUNT) =>
    decision(HOST, policy, action, resource, {
      owner,
      context: {
        "aws:SecureTransport": "true",
        "aws:PrincipalArn": `arn:aws:iam::${ACCOUNT}:role/airflow-production-host`,
        "aws:PrincipalAccount": ACCOUNT,
        "aws:ResourceAccount": owner,
        ...context,
      },
      // A stranger's bucket has the stranger's policy: one that takes whatever comes.
      resourcePolicy:
        owner === ACCOUNT
          ? JSON.parse(stacks.data.resource.aws_s3_bucket_policy.backups_policy.policy)
          : { ...WIDENED, Statement: [{ ...WIDENED.Statement[0], Principal: "*" }] },
    });
  const own = () =>
    JSON.parse(stacks.host.resource.aws_iam_role_policy.host_adds_backups.policy.replace("${var.key_arn}", "*"));

  test.each<[what: string, action: string, resource: string, context: Context, owner: string, result: string]>([
    ["adds a backup", "s3:PutObject", BACKUP, onlyNew, ACCOUNT, "Allowed"],
    ["writes over one", "s3:PutObject", BACKUP, {}, ACCOUNT, "ExplicitlyDenied"],
    [
      "adds without TLS",
      "s3:PutObject",
      BACKUP,
      { ...onlyNew, "aws:SecureTransport": "false" },
      ACCOUNT,
      "ExplicitlyDenied",
    ],
    ["reads", "s3:GetObject", BACKUP, {}, ACCOUNT, "ExplicitlyDenied"],
    ["adds to a stranger's bucket", "s3:PutObject", BACKUP, onlyNew, "210987654321", "ImplicitlyDenied"],
  ])("%s: by its own role", async (_what, action, resource, context, owner, result) =>
    expect(await ask(own(), action, resource, context, owner)).toBe(result),
  );

  test.each<[what: string, action: string, resource: string, context: Context, result: string]>([
    ["adds a backup", "s3:PutObject", BACKUP, onlyNew, "Allowed"],
    ["writes over one", "s3:PutObject", BACKUP, {}, "ExplicitlyDenied"],
    ["adds elsewhere", "s3:PutObject", `arn:aws:s3:::${BUCKET}/else/x`, onlyNew, "ExplicitlyDenied"],
    ["adds where it looks alike", "s3:PutObject", `arn:aws:s3:::${BUCKET}/airflow2/x`, onlyNew, "ExplicitlyDenied"],
    ["reads", "s3:GetObject", BACKUP, {}, "ExplicitlyDenied"],
    ["deletes", "s3:DeleteObject", BACKUP, {}, "ExplicitlyDenied"],
    ["deletes a version", "s3:DeleteObjectVersion", BACKUP, {}, "ExplicitlyDenied"],
    ["shortens a lock", "s3:PutObjectRetention", BACKUP, {}, "ExplicitlyDenied"],
    ["lists", "s3:ListBucket", `arn:aws:s3:::${BUCKET}`, {}, "ExplicitlyDenied"],
    ["changes the policy", "s3:PutBucketPolicy", `arn:aws:s3:::${BUCKET}`, {}, "ExplicitlyDenied"],
    ["lets things expire", "s3:PutLifecycleConfiguration", `arn:aws:s3:::${BUCKET}`, {}, "ExplicitlyDenied"],
  ])("%s: by a role that somebody has widened to everything", async (_what, action, resource, context, result) =>
    expect(await ask(WIDENED, action, resource, context)).toBe(result),
  );
});

describe("an operator with the policy of docs/aws.md", () => {
  const OPERATOR = `arn:aws:iam::${ACCOUNT}:user/ada`;
  const [, text] = /## What an operator must be allowed to do[\s\S]*?```json\n([\s\S]*?)```/.exec(
    readFileSync(join(ROOT, "docs/aws.md"), "utf8"),
  )!;
  const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000`;
  /** As every key's of an account that trusts its own IAM, whosever key it is. */
  const keyPolicy = JSON.parse(synthesize(awsDeployment(root)).data.resource.aws_kms_key.key.policy);
  const ours = { "aws:ResourceTag/Project": "airflow-production" };
  const theirs = { "aws:ResourceTag/Project": "payroll" };
  const byEc2 = { "kms:ViaService": `ec2.${REGION}.amazonaws.com` };
  const HOST = `arn:aws:ec2:${REGION}:${ACCOUNT}:instance/i-0123456789abcdef0`;
  const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

  test.each<[what: string, action: string, resource: string, context: Context, isAllowed: boolean]>([
    ["makes a key", "kms:CreateKey", "*", { "aws:RequestTag/Project": "airflow-production" }, true],
    ["makes a key of another project", "kms:CreateKey", "*", { "aws:RequestTag/Project": "payroll" }, false],
    ["makes a key without a tag", "kms:CreateKey", "*", {}, false],
    ["changes the policy of ours", "kms:PutKeyPolicy", KEY, ours, true],
    ["changes the policy of another", "kms:PutKeyPolicy", KEY, theirs, false],
    ["gives ours up", "kms:ScheduleKeyDeletion", KEY, ours, true],
    ["gives another up", "kms:ScheduleKeyDeletion", KEY, theirs, false],
    ["gives one without tags up", "kms:ScheduleKeyDeletion", KEY, {}, false],
    ["names ours", "kms:CreateAlias", KEY, ours, true],
    ["takes a name of ours", "kms:CreateAlias", `arn:aws:kms:${REGION}:${ACCOUNT}:alias/airflow-x`, {}, true],
    ["takes another name", "kms:CreateAlias", `arn:aws:kms:${REGION}:${ACCOUNT}:alias/payroll`, {}, false],
    ["lets EC2 decrypt with ours", "kms:Decrypt", KEY, { ...ours, ...byEc2 }, true],
    ["decrypts with ours by hand", "kms:Decrypt", KEY, ours, false],
    ["lets EC2 decrypt with another", "kms:Decrypt", KEY, { ...theirs, ...byEc2 }, false],
    ["grants ours to AWS", "kms:CreateGrant", KEY, { ...ours, "kms:GrantIsForAWSResource": "true" }, true],
    ["grants ours to anybody", "kms:CreateGrant", KEY, { ...ours, "kms:GrantIsForAWSResource": "false" }, false],
    ["grants another to AWS", "kms:CreateGrant", KEY, { ...theirs, "kms:GrantIsForAWSResource": "true" }, false],
    [
      "gives EC2 its role",
      "iam:PassRole",
      role("airflow-x-host"),
      { "iam:PassedToService": "ec2.amazonaws.com" },
      true,
    ],
    [
      "gives DLM its role",
      "iam:PassRole",
      role("airflow-x-snapshots"),
      { "iam:PassedToService": "dlm.amazonaws.com" },
      true,
    ],
    [
      "gives the flow logs theirs",
      "iam:PassRole",
      role("airflow-x-flow-logs"),
      { "iam:PassedToService": "vpc-flow-logs.amazonaws.com" },
      true,
    ],
    [
      "gives a role to Lambda",
      "iam:PassRole",
      role("airflow-x-host"),
      { "iam:PassedToService": "lambda.amazonaws.com" },
      false,
    ],
    [
      "gives another role to EC2",
      "iam:PassRole",
      role("payroll"),
      { "iam:PassedToService": "ec2.amazonaws.com" },
      false,
    ],
    ["puts a key onto a host", "ec2-instance-connect:SendSSHPublicKey", HOST, {}, false],
    ["lifts a lock", "s3:BypassGovernanceRetention", "arn:aws:s3:::airflow-backups/airflow/1", {}, false],
  ])("%s", async (_what, action, resource, context, isAllowed) =>
    expect(
      await decision(OPERATOR, JSON.parse(text!), action, resource, {
        context,
        ...(resource === KEY && { resourcePolicy: keyPolicy }),
      }),
    ).toMatch(isAllowed ? /^Allowed$/ : /Denied$/),
  );
});
