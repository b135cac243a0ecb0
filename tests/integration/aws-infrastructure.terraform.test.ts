import { ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confirmLosses } from "../../provision/stacks/confirm";
import type { AwsDeployment } from "../../provision/deployment/deployment";
import { loadDeployment } from "../../provision/deployment/deployment";
import { ROOT } from "../../provision/deployment/paths";
import type { InfrastructurePlan, Stack } from "../../provision/stacks/planned-changes";
import { applyInfrastructure } from "../../provision/stacks/terraform-apply";
import { planInfrastructure } from "../../provision/stacks/terraform-plan";
import { readStackOutputs } from "../../provision/stacks/terraform-run";
import { ADA } from "../support/aws";
import { AwsStub, awsEnvironmentOf, identity, offered, startAwsStub } from "../support/aws-stub";
import { until } from "../support/capture";
import { FakeProvider, startFakeProvider } from "../support/fake-provider/server";
import { infrastructureOf } from "../../provision/stacks/infrastructure-of";
import { context } from "../support/context";

jest.setTimeout(120_000);

// The life of a deployment's infrastructure on AWS, by the verbs' own way: real synth, real terraform, a fake provider.
const name = "production";
const root = mkdtempSync(join(tmpdir(), "aws-infrastructure-"));
const file = join(root, `${name}.yaml`);
const before = { ...process.env };
let provider: FakeProvider;
let stub: AwsStub;

/** The deployment file as an operator would change it. */
function deployment(aws: Record<string, unknown> = {}, operator = "ada"): AwsDeployment {
  const settings = {
    infrastructure: "aws",
    operators: [{ ...ADA, name: operator, cidrs: ["203.0.113.7/32"] }],
    aws: { account: "123456789012", region: "us-east-1", ...aws },
  };
  writeFileSync(file, JSON.stringify(settings));
  return loadDeployment(name, root) as AwsDeployment;
}

beforeAll(async () => {
  provider = await startFakeProvider({ region: "us-east-1" });
  stub = await startAwsStub();
  stub.answer = (action) => (action === "GetCallerIdentity" ? identity("123456789012") : offered("us-east-1b"));
  Object.assign(process.env, provider.env, { AIRFLOW_DEPLOYMENTS: root, AIRFLOW_STATE: root, HOME: root });
});
afterAll(async () => {
  provider.stop();
  await stub.stop();
  for (const key of ["HOME", "AIRFLOW_DEPLOYMENTS", "AIRFLOW_STATE", "TF_REATTACH_PROVIDERS", "CONFIRM"]) {
    if (before[key] === undefined) delete process.env[key];
    else process.env[key] = before[key];
  }
});

const calls = () => provider.aws.calls.splice(0).map(({ action, type }) => `${action} ${type}`);
const shown: InfrastructurePlan[] = [];
async function apply(
  aws: Record<string, unknown> = {},
  destroy?: readonly Stack[],
  operator?: string,
): Promise<InfrastructurePlan> {
  shown.splice(0);
  const settled = deployment(aws, operator);
  const confirm = async (plan: InfrastructurePlan, untouched: string) => {
    shown.push(plan);
    await confirmLosses(context, settled, plan, "infrastructure", untouched);
  };
  return applyInfrastructure(infrastructureOf(context, settled), confirm, destroy && { destroy });
}

test("the first plan says what is made, what it costs, and its name; nothing is touched", async () => {
  const { text, losses, changes } = await planInfrastructure(infrastructureOf(context, deployment()));
  expect(text.split("\n")).toEqual([
    "data: create daily snapshots of the data volume",
    "data: create data volume, 40 GiB in us-east-1a",
    "data: create address",
    "data: create roles (2 parts)",
    "data: create key's name",
    "data: create encryption key of disks, snapshots and backups",
    `data: create backup bucket airflow-backups-123456789012-${name}`,
    "data: create backup bucket's settings (7 parts)",
    "host: create network's flow logs (2 parts)",
    "host: create alarms (2 parts)",
    "host: create network (17 parts)",
    "host: create address's association with the host",
    "host: create roles (3 parts)",
    'host: create permission "write"',
    'host: create permission "add-backups"',
    "host: create way out to port 80 of 0.0.0.0/0 (package mirrors)",
    "host: create way out to port 443 of 0.0.0.0/0 (packages, images, AWS)",
    "host: create host t3.large, root disk 30 GiB",
    "host: create data volume's attachment to the host",
    "host: create open port 22 for 203.0.113.7/32 (SSH from ada)",
    "host: create kind of host (system and processor)",
    expect.stringMatching(
      /^costs 70\.99 USD a month \(data volume 3\.20, address 3\.65, key 1\.00, t3\.large 60\.74, /,
    ),
    expect.stringMatching(/^plan [0-9a-f]{8}$/),
  ]);
  expect({ losses, calls: calls(), changes: changes.length }).toEqual({ losses: [], calls: [], changes: 48 });
});

test("infrastructure makes exactly that, the data first; then there is nothing to do", async () => {
  const plan = await planInfrastructure(infrastructureOf(context, deployment()));
  expect((await apply()).id).toBe(plan.id);
  const made = calls();
  expect(made).toHaveLength(47);
  expect(made.indexOf("create aws_ebs_volume")).toBeLessThan(made.indexOf("create aws_instance"));
  expect(shown).toHaveLength(1);

  expect(await readStackOutputs(context, deployment(), "host")).toMatchObject({
    hosts: [{ role: "main", address: "127.0.0.1", user: "ubuntu", port: 22 }],
    dataDevice: { volumeId: expect.stringMatching(/^vol-[0-9a-f]*[1-9a-f]/) },
    backupBucket: `airflow-backups-123456789012-${name}`,
  });
  expect((await apply()).changes).toEqual([]);
  expect({ shown, calls: calls() }).toEqual({ shown: [], calls: [] });
});

test("the state lies beside the keys, not in the checkout: `git clean` makes no orphans", () => {
  const folder = join(root, ".config/airflow-deployment", name);
  expect(["data.tfstate", "host.tfstate"].map((each) => existsSync(join(folder, each)))).toEqual([true, true]);
});

test("a change in place says what becomes what", async () => {
  const { text, losses } = await planInfrastructure(
    infrastructureOf(context, deployment({ instanceType: "m7i.large", dataGiB: 100 })),
  );
  expect(text).toContain("data: change data volume, 100 GiB in us-east-1a (size: 40 → 100)");
  expect(text).toContain('host: change host m7i.large, root disk 30 GiB (instance_type: "t3.large" → "m7i.large")');
  expect(text).toContain("costs 88.63 USD a month");
  expect(losses).toEqual([]);
});

describe("another host in the place of the one that is there", () => {
  test("says what is lost, and without a word nothing is touched", async () => {
    delete process.env["CONFIRM"];
    await expect(apply({ os: "debian-13" })).rejects.toMatchObject({
      message: "this needs to be confirmed: nothing was touched",
      hint: expect.stringMatching(new RegExp(`^run CONFIRM=${name}@[0-9a-f]{8} make infrastructure$`)),
    });
    expect(shown[0]!.losses).toEqual([
      expect.stringMatching(/^the host i-\w+: its root disk .* the data volume stays$/),
    ]);
    expect(calls()).toEqual([]);
  });
  test("the id of another change does not confirm this one", async () => {
    process.env["CONFIRM"] =
      `${name}@${(await planInfrastructure(infrastructureOf(context, deployment({ os: "debian-13" })))).id}`;
    await expect(apply({ os: "debian-13", rootGiB: 60 })).rejects.toThrow(
      /not "production@\w{8}": nothing was touched/,
    );
    expect(calls()).toEqual([]);
  });
  test("confirmed, it is made; address and data stay", async () => {
    process.env["CONFIRM"] =
      `${name}@${(await planInfrastructure(infrastructureOf(context, deployment({ os: "debian-13" })))).id}`;
    await apply({ os: "debian-13" });
    expect(calls().filter((call) => /instance$|volume|eip$/.test(call))).toEqual([
      "delete aws_volume_attachment",
      "delete aws_instance",
      "create aws_instance",
      "create aws_volume_attachment",
    ]);
  });
});

test("another zone would lose the data: it says so, and does it only when confirmed", async () => {
  delete process.env["CONFIRM"];
  const aws = { os: "debian-13", zone: "us-east-1b" };
  const { losses, id } = await planInfrastructure(infrastructureOf(context, deployment(aws)));
  expect(losses).toEqual([
    expect.stringMatching(
      /^the data volume vol-\w+, 40 GiB: database, task logs, DAG releases; a last snapshot is made$/,
    ),
    expect.stringMatching(/^the host i-/),
  ]);
  await expect(apply(aws)).rejects.toThrow("this needs to be confirmed");
  expect(calls()).toEqual([]);
  process.env["CONFIRM"] = `${name}@${id}`;
  await apply(aws);
  const order = calls().filter((call) => /_(volume|attachment|instance)$/.test(call));
  expect(order).toEqual([
    "delete aws_volume_attachment",
    "delete aws_ebs_volume",
    "create aws_ebs_volume",
    "delete aws_instance",
    "create aws_instance",
    "create aws_volume_attachment",
  ]);
  expect((await apply(aws)).changes).toEqual([]);
});

test("a key that is gone makes data and host anew: the second question says that the data is done", async () => {
  const aws = { os: "debian-13", zone: "us-east-1b" };
  const state = JSON.parse(readFileSync(join(root, ".config/airflow-deployment", name, "data.tfstate"), "utf8"));
  const [key] = state.resources.filter(({ type }: any) => type === "aws_kms_key");
  provider.aws.gone.add(key.instances[0].attributes.id);
  delete process.env["CONFIRM"];
  await expect(apply(aws)).rejects.toThrow("this needs to be confirmed: nothing was touched");
  expect(calls()).toEqual([]);
  process.env["CONFIRM"] = `${name}@${shown[0]!.id}`;
  await expect(apply(aws)).rejects.toThrow(
    /^CONFIRM is "\S+", not "\S+": what the first plan says of the data is done, the host is as it was$/,
  );
  expect(shown[1]!.losses).toEqual([expect.stringMatching(/^the host/)]);
  const done = calls();
  expect(done).toContain("create aws_kms_key");
  expect(done).not.toContain("delete aws_instance");
  process.env["CONFIRM"] = `${name}@${shown[1]!.id}`;
  await apply(aws);
  expect(calls()).toContain("create aws_instance");
});

describe("teardown", () => {
  const aws = { os: "debian-13", zone: "us-east-1b" };
  const confirmed = async (destroy: readonly Stack[]) => {
    delete process.env["CONFIRM"];
    await expect(apply(aws, destroy)).rejects.toThrow("this needs to be confirmed");
    process.env["CONFIRM"] = `${name}@${shown[0]!.id}`;
    expect(calls()).toEqual([]);
    return apply(aws, destroy);
  };
  test("of the host alone keeps the data, and the next host has it", async () => {
    const { losses } = await confirmed(["host"]);
    expect(losses).toEqual([expect.stringMatching(/^the host/)]);
    const gone = calls();
    expect(gone).toContain("delete aws_instance");
    expect(gone).not.toContain("delete aws_ebs_volume");
    expect((await apply(aws)).changes.every(({ stack, action }) => stack === "host" && action === "create")).toBe(true);
    calls();
  });
  test("of all keeps the backups and the key that reads them", async () => {
    const { losses } = await confirmed(["data", "host"]);
    expect(losses).toEqual([
      expect.stringMatching(/^the host/),
      expect.stringMatching(/^the data volume/),
      expect.stringMatching(/^the address/),
    ]);
    const last = provider.aws.calls.filter(({ type }) => type === "aws_ebs_volume");
    expect(last).toMatchObject([{ action: "delete", values: { final_snapshot: true } }]);
    const gone = calls();
    expect(gone.indexOf("delete aws_volume_attachment")).toBeLessThan(gone.indexOf("delete aws_ebs_volume"));
    expect(gone.filter((call) => /s3|kms/.test(call))).toEqual([]);
    expect((await apply(aws, ["data", "host"])).changes).toEqual([]);
  });
  test("and infrastructure makes a new host beside the old backups", async () => {
    const made = (await apply(aws)).changes.map(({ address }) => address);
    expect(made).toContain("aws_ebs_volume.data");
    expect(made.filter((address) => /s3|kms/.test(address))).toEqual(["aws_vpc_endpoint.s3"]);
  });
});

test("what AWS refuses is told, and the next run goes on from there", async () => {
  provider.aws.fail = ({ type, action }) =>
    type === "aws_vpc_security_group_ingress_rule" && action === "update" ? "RequestLimitExceeded" : undefined;
  const aws = { os: "debian-13", zone: "us-east-1b" };
  const run = () => apply(aws, undefined, "eva");
  await expect(run()).rejects.toThrow("terraform failed in the stack host: RequestLimitExceeded");
  delete provider.aws.fail;
  expect((await run()).changes.map(({ summary }) => summary)).toEqual([
    'change open port 22 for 203.0.113.7/32 (SSH from eva) (description: "SSH from ada" → "SSH from eva")',
  ]);
});

/** The verb itself, as a process of its own. */
function infrastructure(): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, ["run", "infrastructure"], {
    cwd: ROOT,
    env: { ...process.env, ...awsEnvironmentOf(stub.url), DEPLOYMENT: name },
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  return { child, said: () => said, ended: new Promise((resolve) => child.once("close", resolve)) };
}

test("another bucket for the backups is refused where the one that is there holds some", async () => {
  deployment({ os: "debian-13", zone: "us-east-1b", backups: { bucket: "elsewhere" } });
  calls();
  const plain = stub.answer;
  stub.answer = (action) =>
    /^GET .*airflow-backups-.*versions/.test(action)
      ? { body: "<ListVersionsResult><Version><Key>airflow/1/manifest.json</Key></Version></ListVersionsResult>" }
      : plain(action);
  const { said, ended } = infrastructure();
  expect(await ended).toBe(1);
  stub.answer = plain;
  expect(said()).toMatch(
    /error: the bucket airflow-backups-123456789012-production holds backups: AWS deletes only empty buckets\nhint: nothing was touched/,
  );
  expect(calls()).toEqual([]);
});

describe.each([1, 2])("Ctrl-C, pressed %i times while a change of AWS is on its way", (times) => {
  const aws = { os: "debian-13", zone: "us-east-1b", dataGiB: 40 + times };
  let code: number | null;
  let said = "";

  beforeAll(async () => {
    deployment(aws);
    calls();
    let go: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      provider.aws.take = ({ type }) => {
        if (type !== "aws_ebs_volume") return Promise.resolve();
        resolve();
        return new Promise((done) => (go = done));
      };
    });
    const { child, said: heard, ended } = infrastructure();
    await Promise.race([begun, ended]);
    for (let i = 1; i <= times; i++) {
      // As a terminal does: the whole group.
      process.kill(-child.pid!, "SIGINT");
      await until(() => heard().split("waiting until ").length > i);
    }
    go();
    delete provider.aws.take;
    code = await ended;
    said = heard();
  });

  test("ends with 130, after Terraform", () => {
    expect({ code, said }).toEqual({
      code: 130,
      said: expect.stringMatching(/error: interrupted\nhint: run the same/),
    });
  });
  test("the change is in the state, and no lock is left", async () => {
    expect(calls()).toEqual(["update aws_ebs_volume"]);
    const folder = join(root, ".config/airflow-deployment", name);
    expect(readdirSync(folder).filter((file) => /lock|errored/.test(file))).toEqual([]);
    const left = (await apply(aws)).changes.filter(({ stack }) => stack === "data");
    expect(left.map(({ address }) => address)).toEqual([]);
  });
});
