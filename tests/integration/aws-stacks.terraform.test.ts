import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AwsDeployment } from "../../provision/deployment/deployment";
import { ADA, BOB, awsDeployment, synthesize } from "../support/aws";
import { FakeProvider, startFakeProvider } from "../support/fake-provider/server";
import { planned, terraform } from "../support/terraform";

jest.setTimeout(120_000);

let provider: FakeProvider;
const root = mkdtempSync(join(tmpdir(), "aws-terraform-"));
beforeAll(async () => (provider = await startFakeProvider()));
afterAll(() => provider.stop());
beforeEach(() => provider.aws.calls.splice(0));

/** The data stack's outputs, handed over to the host stack as variables. */
async function variables(deployment: AwsDeployment): Promise<Record<string, string>> {
  const outputs = JSON.parse(await terraform(deployment, "data", ["output", "-json"], provider.env));
  return Object.fromEntries(
    Object.entries<{ value: string }>(outputs).map(([name, { value }]) => [`TF_VAR_${name}`, value]),
  );
}

async function init(deployment: AwsDeployment): Promise<void> {
  for (const stack of ["data", "host"] as const)
    await terraform(deployment, stack, ["init", "-input=false"], provider.env);
}

async function apply(deployment: AwsDeployment): Promise<Record<string, string>> {
  const args = ["apply", "-input=false", "-auto-approve"];
  await terraform(deployment, "data", args, provider.env);
  const env = { ...provider.env, ...(await variables(deployment)) };
  await terraform(deployment, "host", args, env);
  return env;
}

const outputsOf = async (deployment: AwsDeployment) =>
  JSON.parse(await terraform(deployment, "host", ["output", "-json"], provider.env));
const created = (type: string) =>
  provider.aws.calls.filter((call) => call.action === "create" && call.type === type).map(({ values }) => values);

const VARIANTS: readonly [what: string, name: string, make: () => AwsDeployment][] = [
  ["the smallest file", "small", () => awsDeployment(join(root, "small"), {}, undefined, "small")],
  [
    "everything that can be chosen",
    "full",
    () =>
      awsDeployment(
        join(root, "full"),
        {
          access: "eice",
          instanceType: "m7g.large",
          os: "debian-13",
          zone: "eu-central-1c",
          alarmEmail: "ops@example.org",
          budgetUsd: 90,
          egressPorts: [5432],
          taskRole: "arn:aws:iam::123456789012:role/dags",
          backups: { days: 90, objectLock: "compliance", bucket: "our-backups" },
        },
        [{ ...ADA, ssh: `${ADA.ssh} \${x} %{if}` }],
        "full",
      ),
  ],
  [
    "through Session Manager",
    "ssm",
    () => awsDeployment(join(root, "ssm"), { access: "ssm", zone: "eu-central-1b" }, undefined, "ssm"),
  ],
];

test.each(VARIANTS)(
  "%s: terraform validates, plans, applies, finds nothing more to do, destroys",
  async (_what, name, make) => {
    const deployment = make();
    synthesize(deployment);
    await init(deployment);
    for (const stack of ["data", "host"] as const) await terraform(deployment, stack, ["validate"], provider.env);
    expect(Object.values(await planned(deployment, "host", provider.env))).not.toContain("delete");

    const env = await apply(deployment);
    const [instance] = created("aws_instance");
    const [volume] = created("aws_ebs_volume");
    const { hosts, dataDevice } = await outputsOf(deployment);
    expect(hosts.value).toEqual([
      {
        role: "main",
        id: instance!["id"],
        address: "127.0.0.1",
        port: 22,
        user: name === "full" ? "admin" : "ubuntu",
        privateAddress: "127.0.0.1",
      },
    ]);
    expect(dataDevice.value).toEqual({ volumeId: volume!["id"] });
    expect(created("aws_volume_attachment")).toMatchObject([
      { volume_id: volume!["id"], instance_id: instance!["id"] },
    ]);
    const [card] = created("aws_network_interface");
    expect(created("aws_subnet").find(({ id }) => id === card!["subnet_id"])).toMatchObject({
      availability_zone: volume!["availability_zone"],
    });
    // What the first boot needs is there before it.
    const made = provider.aws.calls.filter(({ action }) => action === "create").map(({ type }) => type);
    const first = ["aws_network_interface", "aws_eip_association", "aws_route", "aws_iam_role_policy"];
    for (const type of [...first, "aws_vpc_security_group_egress_rule"])
      expect([type, made.lastIndexOf(type) < made.indexOf("aws_instance")]).toEqual([type, true]);
    // A key's own comment goes nowhere: the operator's name takes its place.
    if (name === "full") expect(instance!["user_data"]).not.toContain("${x} %{if}");

    expect(await planned(deployment, "data", env)).toEqual({});
    expect(await planned(deployment, "host", env)).toEqual({});

    await terraform(deployment, "host", ["destroy", "-auto-approve", "-input=false"], env);
    await expect(terraform(deployment, "data", ["destroy", "-auto-approve", "-input=false"], env)).rejects.toThrow(
      /prevent_destroy/,
    );
    synthesize(deployment, { isProtected: false, hasData: false });
    expect(Object.keys(await planned(deployment, "data", env)).sort()).toEqual([
      "aws_dlm_lifecycle_policy.snapshots",
      "aws_ebs_volume.data",
      "aws_eip.address",
      "aws_iam_role.snapshot_role",
      "aws_iam_role_policy_attachment.snapshot_policy",
    ]);
  },
);

describe("a host that is there", () => {
  const make = (aws: Record<string, unknown> = {}, operators = [{ ...ADA, cidrs: ["203.0.113.7/32"] }]) =>
    awsDeployment(join(root, "there"), aws, operators, "there");
  let env: Record<string, string>;
  beforeAll(async () => {
    synthesize(make());
    await init(make());
    env = await apply(make());
  });
  const changes = async (deployment: AwsDeployment) => {
    synthesize(deployment);
    return { ...(await planned(deployment, "data", env)), ...(await planned(deployment, "host", env)) };
  };

  test("stays when the image is newer, when a key or an operator changes", async () => {
    provider.aws.ami = "ami-00000000000000002";
    expect(
      await changes(make({}, [{ ...ADA, ssh: ADA.ssh.replace("ada@", "new@"), cidrs: ["203.0.113.7/32"] }])),
    ).toEqual({});
  });
  test("another network, another group rule and nothing else", async () => {
    expect(await changes(make({}, [{ ...ADA, cidrs: ["203.0.113.7/32", "198.51.100.0/24"] }]))).toEqual({
      "aws_vpc_security_group_ingress_rule.ssh_from_198_51_100_0_24": "create",
    });
    expect(await changes(make({ access: "ssm" }, [{ ...ADA, cidrs: [] }]))).toEqual({
      "aws_vpc_security_group_ingress_rule.ssh_from_203_0_113_7_32": "delete",
      "aws_iam_role_policy.host_sessions": "create",
    });
  });
  test("larger disks and another size of machine are changed in place", async () => {
    expect(await changes(make({ instanceType: "m7i.xlarge", rootGiB: 60, dataGiB: 100 }))).toEqual({
      "aws_ebs_volume.data": "update",
      "aws_instance.host": "update",
    });
  });
  test("alarms by mail and a budget touch neither host nor data", async () => {
    const found = await changes(make({ alarmEmail: "ops@example.org", budgetUsd: 90 }));
    expect(Object.keys(found).sort()).toEqual([
      "aws_budgets_budget.budget",
      "aws_cloudwatch_metric_alarm.reboot",
      "aws_cloudwatch_metric_alarm.recover",
      "aws_cloudwatch_metric_alarm.snapshots",
      "aws_cloudwatch_metric_alarm.volume",
      "aws_sns_topic.alarms",
      "aws_sns_topic_subscription.alarm_mail",
    ]);
  });
  test("object lock is another for the bucket that is there", async () => {
    const lock = "aws_s3_bucket_object_lock_configuration.backups_lock";
    expect(await changes(make({ backups: { objectLock: "compliance" } }))).toEqual({ [lock]: "update" });
    expect(await changes(make({ backups: { objectLock: "none" } }))).toEqual({ [lock]: "delete" });
  });
  test("a volume from a snapshot would lose the data that is there: terraform refuses", async () => {
    await expect(changes(make({ data: { fromSnapshot: "snap-0123456789abcdef0" } }))).rejects.toThrow(
      /aws_ebs_volume.data[\s\S]*prevent_destroy/,
    );
  });
  test("another system or processor makes another host, from the image of today; its data stays", async () => {
    for (const aws of [{ os: "debian-13" }, { instanceType: "t4g.large" }]) {
      expect(await changes(make(aws))).toEqual({
        "terraform_data.kind": "delete+create",
        "aws_instance.host": "delete+create",
        "aws_volume_attachment.data_attachment": "delete+create",
        "aws_cloudwatch_metric_alarm.recover": "update",
        "aws_cloudwatch_metric_alarm.reboot": "update",
      });
    }
    const file = join(make().paths.state, "host.plan");
    const plan = JSON.parse(await terraform(make(), "host", ["show", "-json", file], env));
    const { change } = plan.resource_changes.find(({ address }: any) => address === "aws_instance.host");
    expect(change.after.ami).toBe("ami-00000000000000002");
  });
  test("another zone would lose the data: terraform refuses", async () => {
    await expect(changes(make({ zone: "eu-central-1b" }))).rejects.toThrow(/aws_ebs_volume.data[\s\S]*prevent_destroy/);
  });
  test("another bucket or key would lose backups: terraform refuses", async () => {
    await expect(changes(make({ backups: { bucket: "another-one" } }))).rejects.toThrow(/prevent_destroy/);
  });
  test("the state holds no secret and says where everything is", () => {
    const state = readFileSync(join(root, "there", "host.tfstate"), "utf8");
    expect(state).not.toMatch(/PRIVATE KEY|AGE-SECRET-KEY|aws_secret_access_key/i);
    expect(JSON.parse(state).resources.length).toBeGreaterThan(20);
  });
});

test("the state in a bucket: the configuration is valid, with locks in the bucket itself", async () => {
  const deployment = awsDeployment(
    join(root, "s3"),
    { state: "s3" },
    [{ ...ADA, cidrs: ["203.0.113.7/32"] }, BOB],
    "s3",
  );
  const { data, host } = synthesize(deployment);
  for (const [stack, { terraform: settings }] of Object.entries({ data, host })) {
    expect(settings.backend).toEqual({
      s3: {
        bucket: "airflow-state-123456789012-eu-central-1",
        key: `s3/${stack}.tfstate`,
        region: "eu-central-1",
        encrypt: true,
        use_lockfile: true,
        allowed_account_ids: ["123456789012"],
      },
    });
    await terraform(deployment, stack as "data", ["init", "-backend=false", "-input=false"], provider.env);
    await terraform(deployment, stack as "data", ["validate"], provider.env);
  }
});

test("another account is refused before anything is planned", async () => {
  const stranger = await startFakeProvider({ account: "210987654321" });
  try {
    const deployment = awsDeployment(join(root, "stranger"), {}, undefined, "stranger");
    synthesize(deployment);
    await terraform(deployment, "data", ["init", "-input=false"], stranger.env);
    await expect(planned(deployment, "data", stranger.env)).rejects.toThrow("AWS account ID not allowed");
  } finally {
    stranger.stop();
  }
});

test("a plan made without the data's ids is never applied", async () => {
  const deployment = awsDeployment(join(root, "early"), {}, undefined, "early");
  synthesize(deployment);
  await terraform(deployment, "host", ["init", "-input=false"], provider.env);
  await planned(deployment, "host", provider.env);
  await expect(
    terraform(deployment, "host", ["apply", "-input=false", join(deployment.paths.state, "host.plan")], provider.env),
  ).rejects.toThrow("does not exist");
});
