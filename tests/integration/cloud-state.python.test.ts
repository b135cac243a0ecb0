import { ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import { findInstances, findLeftovers } from "../../provision/aws/ec2";
import { hasBucket, isBucketEmpty } from "../../provision/aws/buckets";
import { makeStateBucket } from "../../provision/aws/state-bucket";
import { refuseFullBucket, refuseTwin } from "../../provision/aws/aws-checks";
import { TEMPLATES } from "../../provision/deployment/paths";
import { dataDirectory, stackDirectory, terraformProgram } from "../../provision/stacks/folders";
import { terraformError } from "../../provision/stacks/terraform-errors";
import { ACCOUNT, REGION, awsDeployment, synthesize } from "../support/aws";
import { errorOf, until } from "../support/capture";
import { startAwsStub } from "../support/aws-stub";
import { Moto, PYTHON, startMoto } from "../support/moto";

jest.setTimeout(120_000);

const TARGET = { account: ACCOUNT, region: REGION };
const DAGS_ROLE = `arn:aws:iam::${ACCOUNT}:role/dags`;
const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000`;
const BUCKET = `airflow-state-${ACCOUNT}-${REGION}`;
const root = mkdtempSync(join(tmpdir(), "cloud-state-"));
const before = { ...process.env };
let moto: Moto;

beforeAll(async () => {
  moto = await startMoto();
  Object.assign(process.env, moto.env);
});
afterAll(() => {
  process.env = before;
  moto?.stop();
  rmSync(root, { recursive: true, force: true });
});

const s3 = () => new S3Client({ region: REGION });

test("make state-bucket makes a bucket that is versioned, encrypted and private, and may be said again", async () => {
  expect(await hasBucket(TARGET, BUCKET)).toBe(false);
  expect(await makeStateBucket(TARGET, BUCKET)).toBe("created");
  expect(await makeStateBucket(TARGET, BUCKET)).toBe("there already");
  const Bucket = BUCKET;
  const client = s3();
  expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
  expect((await client.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration).toEqual({
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  });
  const { ServerSideEncryptionConfiguration } = await client.send(new GetBucketEncryptionCommand({ Bucket }));
  expect(ServerSideEncryptionConfiguration?.Rules).toMatchObject([
    { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } },
  ]);
  const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  // Whatever is not sent by TLS is refused, and moto's loopback is not TLS.
  const sent = client.send(new PutObjectCommand({ Bucket, Key: "x", Body: "x" }));
  await expect(sent).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  expect(Rules).toMatchObject([{ Status: "Enabled", NoncurrentVersionExpiration: { NoncurrentDays: 90 } }]);
});

describe("a bucket that is somebody's", () => {
  const Bucket = "their-states";
  const owner = () => ({ Bucket });
  beforeAll(async () => {
    await s3().send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }));
    await s3().send(new PutObjectCommand({ Bucket, Key: "theirs", Body: "x" }));
  });

  test("and keeps no versions is refused as it is", async () => {
    const error = await errorOf(makeStateBucket(TARGET, Bucket));
    expect(error.message).toMatch(/^the bucket their-states is not empty and keeps no versions/);
    await expect(s3().send(new GetBucketLifecycleConfigurationCommand(owner()))).rejects.toThrow();
  });
  test("and keeps versions is used as it is", async () => {
    const VersioningConfiguration = { Status: "Enabled" } as const;
    await s3().send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    expect(await makeStateBucket(TARGET, Bucket)).toBe("there already");
    await expect(s3().send(new GetBucketLifecycleConfigurationCommand(owner()))).rejects.toThrow();
    await expect(s3().send(new GetBucketPolicyCommand(owner()))).rejects.toThrow();
  });
  test("is not empty, one that is not there is", async () => {
    expect([await isBucketEmpty(TARGET, Bucket), await isBucketEmpty(TARGET, "nobodys")]).toEqual([false, true]);
  });
  test("and holds backups is not planned away", async () => {
    const deployment = awsDeployment(root, {}, undefined, "kept");
    const change = (bucket: string, action: string) => refuseFullBucket(deployment, [{ action, bucket }], "x");
    expect((await errorOf(change(Bucket, "replace"))).message).toMatch(/^the bucket their-states holds backups/);
    expect((await errorOf(change(Bucket, "delete"))).message).toMatch(/^the bucket their-states holds backups/);
    await change(Bucket, "update");
    await change("nobodys", "replace");
  });
});

test("make state-bucket goes on where it was interrupted", async () => {
  const Bucket = "half-made";
  await s3().send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: REGION } }));
  expect(await makeStateBucket(TARGET, Bucket)).toBe("created");
  expect((await s3().send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe("Enabled");
  expect(await makeStateBucket(TARGET, Bucket)).toBe("there already");
});

/** Credentials of a role, as environment variables. */
async function assumedRole(arn: string): Promise<NodeJS.ProcessEnv> {
  const text = await query("sts", { Action: "AssumeRole", RoleArn: arn, RoleSessionName: "test" });
  const value = (name: string): string => new RegExp(`<${name}>([^<]+)<`).exec(text)![1]!;
  return {
    AWS_ACCESS_KEY_ID: value("AccessKeyId"),
    AWS_SECRET_ACCESS_KEY: value("SecretAccessKey"),
    AWS_SESSION_TOKEN: value("SessionToken"),
  };
}

/** A call to a service whose client this project does not have. */
async function query(service: string, parameters: Record<string, string>): Promise<string> {
  const authorization = `AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
  const response = await fetch(moto.url, {
    method: "POST",
    headers: { authorization },
    body: new URLSearchParams(parameters),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

const SHARED = awsDeployment(join(root, "a team's"), { state: "s3" }, undefined, "shared");

/** The host stack's folder, with the backend that it has, and a resource that takes its time. */
function stack(): string {
  const folder = stackDirectory(SHARED, "host");
  const { backend } = synthesize(SHARED).host.terraform;
  rmSync(join(folder, "cdk.tf.json"));
  const endpoints = { s3: moto.url, sts: moto.url, iam: moto.url };
  const loopback = {
    endpoints,
    use_path_style: true,
    skip_metadata_api_check: true,
    skip_region_validation: true,
    skip_requesting_account_id: true,
    skip_credentials_validation: true,
  };
  const { allowed_account_ids: _, ...s3 } = backend.s3;
  const command = `touch began; while [ -e wait ]; do sleep 0.05; done`;
  const resource = { terraform_data: { slow: { provisioner: [{ "local-exec": { command } }] } } };
  writeFileSync(
    join(folder, "main.tf.json"),
    JSON.stringify({ terraform: { backend: { s3: { ...s3, ...loopback } } }, resource }),
  );
  const { status, stderr } = terraform(folder, "init", "-input=false", "-no-color");
  if (status !== 0) throw new Error(stderr);
  return folder;
}

const args = (folder: string, words: readonly string[]): string[] => [`-chdir=${folder}`, ...words];
const env = () => ({
  ...process.env,
  CHECKPOINT_DISABLE: "1",
  TF_IN_AUTOMATION: "1",
  TF_DATA_DIR: dataDirectory(SHARED, "host"),
});
const terraform = (folder: string, ...words: string[]) =>
  spawnSync(terraformProgram(), args(folder, words), { env: env(), encoding: "utf8" });
const apply = ["apply", "-input=false", "-auto-approve", "-no-color"];

describe("the state in S3", () => {
  let folder: string;
  let holder: ChildProcess;

  beforeAll(async () => {
    await makeStateBucket(TARGET, BUCKET);
    // Here there is no TLS.
    await s3().send(new DeleteBucketPolicyCommand({ Bucket: BUCKET }));
    folder = stack();
    writeFileSync(join(folder, "wait"), "");
    holder = spawn(terraformProgram(), args(folder, apply), { env: env(), stdio: "ignore" });
    await until(() => existsSync(join(folder, "began")), 60);
  });

  const refused = () => {
    const { status, stderr } = terraform(folder, "apply", "-input=false", "-auto-approve", "-no-color");
    expect(status).toBe(1);
    return terraformError(SHARED, "host", [], stderr);
  };

  test("is held by one run at a time: who, what and since when are told", () => {
    const error = refused();
    expect(error.exitCode).toBe(75);
    expect(error.message).toMatch(
      /^the infrastructure is being changed by \S+@\S+ \(apply\) since \d{4}-\d\d-\d\d \d\d:\d\d/,
    );
  });

  test("stays held when its holder is killed; the hint's own line frees it, from any folder", async () => {
    const ended = new Promise((resolve) => holder.once("close", resolve));
    holder.kill("SIGKILL");
    await ended;
    rmSync(join(folder, "wait"));
    const { hint = "" } = refused();
    const [, line] = /if you are sure that it is dead: (.*)$/.exec(hint) ?? [];
    // A shell of the operator's: nothing but what the line says.
    const { TF_DATA_DIR: _, ...plain } = env();
    const unlock = spawnSync("sh", ["-c", line!], { cwd: "/", env: plain, input: "yes\n", encoding: "utf8" });
    expect({ said: unlock.stderr, status: unlock.status }).toMatchObject({ status: 0 });
    expect(terraform(folder, ...apply)).toMatchObject({ status: 0 });
  });

  test("is where the stack says, encrypted, and the lock is gone", async () => {
    const { Contents = [] } = await s3().send(new ListObjectsV2Command({ Bucket: BUCKET }));
    expect(Contents.map(({ Key }) => Key)).toEqual(["shared/host.tfstate"]);
  });
});

test("a host that runs although the state knows none is never made twice", async () => {
  const deployment = awsDeployment(root, {}, undefined, "lost");
  const create = [{ address: "aws_instance.host", action: "create" }];
  await refuseTwin(deployment, create, "x");
  const tags = {
    "TagSpecification.1.ResourceType": "instance",
    "TagSpecification.1.Tag.1.Key": "Project",
    "TagSpecification.1.Tag.1.Value": "airflow-lost",
    "TagSpecification.1.Tag.2.Key": "Stack",
    "TagSpecification.1.Tag.2.Value": "host",
  };
  const authorization = `AWS4-HMAC-SHA256 Credential=testing/20260101/${REGION}/ec2/aws4_request, SignedHeaders=host, Signature=0`;
  const body = new URLSearchParams({
    Action: "RunInstances",
    Version: "2016-11-15",
    ImageId: "ami-12c6146b",
    MinCount: "1",
    MaxCount: "1",
    ...tags,
  });
  const response = await fetch(moto.url, { method: "POST", headers: { authorization }, body });
  const [, id] = /<instanceId>(i-\w+)</.exec(await response.text())!;
  expect(await findInstances(TARGET, { Project: "airflow-lost" })).toMatchObject([{ id, state: "running" }]);
  const error = await errorOf(refuseTwin(deployment, create, "x"));
  expect(error.message).toMatch(new RegExp(`holds no host, but this deployment has one: ${id} \\(running`));
  await refuseTwin(deployment, [{ address: "aws_instance.host", action: "replace" }], "x");
  // One that somebody has stopped is a host, too.
  const stop = new URLSearchParams({ Action: "StopInstances", Version: "2016-11-15", "InstanceId.1": id! });
  await fetch(moto.url, { method: "POST", headers: { authorization }, body: stop });
  expect((await errorOf(refuseTwin(deployment, create, "x"))).message).toMatch(new RegExp(`${id} \\(stopped,`));
  expect(await findLeftovers(TARGET, { Project: "airflow-nobody" })).toEqual([]);
});

describe("the host, by the policies that the stack gives it, where IAM is enforced", () => {
  let bucket: string;
  let role: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const { host, data } = synthesize(awsDeployment(root, { taskRole: DAGS_ROLE }, undefined, "shop"));
    bucket = data.resource.aws_s3_bucket.backups.bucket;
    const { name, assume_role_policy } = host.resource.aws_iam_role.host_role;
    await query("iam", { Action: "CreateRole", RoleName: name, AssumeRolePolicyDocument: assume_role_policy });
    for (const [id, { policy }] of Object.entries<{ policy: string }>(host.resource.aws_iam_role_policy)) {
      const PolicyDocument = policy.replace(/\$\{var\.key_arn\}/g, KEY);
      await query("iam", { Action: "PutRolePolicy", RoleName: name, PolicyName: id, PolicyDocument });
    }
    const CreateBucketConfiguration = { LocationConstraint: REGION } as const;
    const ObjectLockEnabledForBucket = true;
    await s3().send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration, ObjectLockEnabledForBucket }));
    const Rule = { DefaultRetention: { Mode: "GOVERNANCE", Days: 30 } } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule } as const;
    await s3().send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration }));
    // AWS knows a session by its role, moto only by its own name.
    const AWS = [`arn:aws:iam::${ACCOUNT}:role/${name}`, `arn:aws:sts::${ACCOUNT}:assumed-role/${name}/test`];
    const trust = JSON.stringify({ Statement: { Effect: "Allow", Principal: { AWS }, Action: "sts:AssumeRole" } });
    for (const RoleName of ["dags", "other"]) {
      await query("iam", { Action: "CreateRole", RoleName, AssumeRolePolicyDocument: trust });
    }
    role = await assumedRole(`arn:aws:iam::${ACCOUNT}:role/${name}`);
    await moto.enforceIam();
  });

  /** Runs what the host runs, with a metadata service that hands out the role's credentials. */
  const onHost = (...words: string[]) => onHostBy(moto.url, ...words);
  async function onHostBy(s3: string, ...words: string[]): Promise<{ code: number; text: string }> {
    const metadata = await startAwsStub();
    const keys = {
      AccessKeyId: role["AWS_ACCESS_KEY_ID"],
      SecretAccessKey: role["AWS_SECRET_ACCESS_KEY"],
      Token: role["AWS_SESSION_TOKEN"],
    };
    metadata.answer = (call) => ({
      body: call.startsWith("PUT") ? "token" : call.endsWith("/") ? "shop" : JSON.stringify(keys),
    });
    const env = {
      PATH: process.env["PATH"],
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ENDPOINT_URL_STS: moto.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.url,
    };
    const child = spawn(join(PYTHON, "python"), [join(TEMPLATES, "aws/host.py"), ...words], { env });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
    const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)));
    await metadata.stop();
    return { code, text };
  }

  const upload = (folder: string) => onHost("upload", bucket, ACCOUNT, REGION, "airflow/one/", folder);

  test("puts a backup there, file by file, and never over another", async () => {
    const folder = join(root, "backup");
    mkdirSync(folder);
    for (const name of ["manifest.json", "database.dump"]) writeFileSync(join(folder, name), `${name}\n`.repeat(1000));
    expect(await upload(folder)).toEqual({ code: 0, text: "" });
    const again = await upload(folder);
    expect(again.code).toBe(1);
    expect(again.text).toMatch(/^the bucket \S+ does not take airflow\/one\/database.dump: HTTP 412/);
    expect(again.text).not.toContain(role["AWS_SECRET_ACCESS_KEY"]);
  });

  test("sends each file with its checksum, which a bucket with object lock wants", async () => {
    const folder = join(root, "locked-backup");
    mkdirSync(folder);
    writeFileSync(join(folder, "manifest.json"), "{}\n");
    const stub = await startAwsStub();
    stub.answer = () => ({});
    expect(await onHostBy(stub.url, "upload", bucket, ACCOUNT, REGION, "airflow/two/", folder)).toEqual({
      code: 0,
      text: "",
    });
    await stub.stop();
    const checksum = createHash("sha256").update("{}\n").digest("base64");
    expect(stub.headers).toMatchObject([
      { "if-none-match": "*", "x-amz-checksum-sha256": checksum, "x-amz-expected-bucket-owner": ACCOUNT },
    ]);
    expect(stub.headers[0]!.authorization).toMatch(/x-amz-checksum-sha256;.*x-amz-expected-bucket-owner;/);
  });

  test("assumes the role of DAGs, and AWS's own library finds it where tasks are told to look", async () => {
    const file = join(root, "credentials.json");
    writeFileSync(file, "of the hour before");
    expect(await onHost("assume", DAGS_ROLE, REGION, "airflow-shop", file)).toEqual({ code: 0, text: "" });
    expect(statSync(file).mode & 0o777).toBe(0o440);
    const config = join(root, "config");
    writeFileSync(config, `[default]\nregion = ${REGION}\ncredential_process = /bin/cat ${file}\n`);
    const env = {
      PATH: process.env["PATH"],
      AWS_ENDPOINT_URL: moto.url,
      AWS_CONFIG_FILE: config,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const who = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";
    const { stdout, stderr } = spawnSync(join(PYTHON, "python"), ["-c", who], { env, encoding: "utf8" });
    expect(stderr + stdout).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/dags/airflow-shop\n`);
  });

  test("takes on no other role, says so, and leaves the file as it is", async () => {
    const file = join(root, "kept.json");
    writeFileSync(file, "kept");
    const other = DAGS_ROLE.replace("dags", "other");
    const { code, text } = await onHost("assume", other, REGION, "airflow-shop", file);
    expect({ code, text: text.trimEnd() }).toEqual({
      code: 1,
      text: expect.stringMatching(new RegExp(`^the host may not assume the role ${other}: AccessDenied: \\S.*$`)),
    });
    expect(readFileSync(file, "utf8")).toBe("kept");
  });

  test("adds, and neither reads, lists, overwrites nor deletes", () => {
    const at = `Bucket="${bucket}", Key="airflow/a.tar"`;
    const calls = [
      `put_object(${at}, Body=b"x", IfNoneMatch="*")`,
      `get_object(${at})`,
      `head_object(${at})`,
      `delete_object(${at})`,
      `list_objects_v2(Bucket="${bucket}")`,
      `list_object_versions(Bucket="${bucket}")`,
      `put_object(Bucket="${bucket}", Key="elsewhere", Body=b"x", IfNoneMatch="*")`,
      `put_bucket_versioning(Bucket="${bucket}", VersioningConfiguration={"Status": "Suspended"})`,
      `put_bucket_lifecycle_configuration(Bucket="${bucket}", LifecycleConfiguration={"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]})`,
      `delete_bucket(Bucket="${bucket}")`,
    ];
    const env = { ...process.env, ...role, AWS_DEFAULT_REGION: REGION };
    const { stdout } = spawnSync(join(PYTHON, "python"), ["-c", TRY], {
      env,
      input: JSON.stringify(calls),
      encoding: "utf8",
    });
    const answers = JSON.parse(stdout) as string[];
    const refused = expect.stringMatching(/^(AccessDenied|403)$/);
    expect(calls.map((call, i) => [call, answers[i]])).toEqual(
      calls.map((call, i) => [call, i === 0 ? "done" : refused]),
    );
  });
});

const TRY = `import boto3, json, sys
s3 = boto3.client("s3")
def attempt(call):
    try:
        eval("s3." + call)
        return "done"
    except Exception as error:
        return getattr(error, "response", {}).get("Error", {}).get("Code", repr(error))
print(json.dumps([attempt(call) for call in json.load(sys.stdin)]))`;
