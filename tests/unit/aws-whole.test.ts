import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADA, Stacks, awsDeployment, synthesize } from "../support/aws";

// What gives a right, opens a port, deletes, watches or costs is compared whole, in two regions with other numbers: a
// condition that is gone, a word that is wrong or one too many is noticed, wherever it is.

interface Numbers {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly access: "direct" | "eice" | "ssm";
  readonly bucket: string;
  readonly days: number;
  readonly lock: { readonly mode: string; readonly days: number };
  readonly snapshots: number;
  readonly mail: string;
  readonly budget: { readonly usd: number; readonly text: string };
  readonly cidr: string;
  readonly egressPort: number;
  readonly taskRole: string;
}

const root = mkdtempSync(join(tmpdir(), "aws-whole-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const HERE: Numbers = {
  name: "production",
  account: "123456789012",
  region: "eu-central-1",
  access: "eice",
  bucket: "airflow-backups-123456789012-production",
  days: 35,
  lock: { mode: "GOVERNANCE", days: 30 },
  snapshots: 7,
  mail: "ops@example.org",
  budget: { usd: 90, text: "90.00" },
  cidr: "203.0.113.7/32",
  egressPort: 5432,
  taskRole: "arn:aws:iam::123456789012:role/dags",
};
const ABROAD: Numbers = {
  name: "far",
  account: "210987654321",
  region: "us-west-2",
  access: "ssm",
  bucket: "kept-abroad",
  days: 11,
  lock: { mode: "COMPLIANCE", days: 11 },
  snapshots: 3,
  mail: "night@example.com",
  budget: { usd: 250.5, text: "250.50" },
  cidr: "198.51.100.0/24",
  egressPort: 587,
  taskRole: "arn:aws:iam::210987654321:role/team/etl",
};
const DIRECT: Numbers = { ...ABROAD, name: "open", access: "direct" };

function make({ name, account, region, access, ...numbers }: Numbers): Stacks {
  const { bucket, days, lock, snapshots, mail, budget, cidr, egressPort, taskRole } = numbers;
  const settings = {
    account,
    region,
    access,
    alarmEmail: mail,
    budgetUsd: budget.usd,
    egressPorts: [egressPort],
    taskRole,
    backups: { bucket, days, snapshots, objectLock: lock.mode.toLowerCase() },
  };
  return synthesize(awsDeployment(root, settings, [{ ...ADA, ...(access === "direct" && { cidrs: [cidr] }) }], name));
}
/** Resources of a type by id, without cdktf's notes; policies are read. */
function found({ data, host }: Stacks, type: string): Record<string, any> {
  const all = { ...data.resource[type], ...host.resource[type] };
  const plain = JSON.stringify(all, (key, value: unknown) => {
    if (key === "//") return undefined;
    return (key === "policy" || key === "assume_role_policy") && typeof value === "string" ? JSON.parse(value) : value;
  });
  return JSON.parse(plain);
}

const policy = (...Statement: object[]) => ({ Version: "2012-10-17", Statement });
const assumedBy = (Service: string, Condition?: object) =>
  policy({ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole", ...(Condition && { Condition }) });

describe.each([HERE, ABROAD, DIRECT])("$name in $region", (numbers) => {
  const { account, region, access, bucket, days, lock, snapshots, mail, budget, cidr, egressPort, taskRole } = numbers;
  const name = `airflow-${numbers.name}`;
  let stacks: Stacks;
  beforeAll(() => (stacks = make(numbers)));
  const all = (type: string) => found(stacks, `aws_${type}`);

  test("roles and who takes them on", () => {
    const ours = { StringEquals: { "aws:SourceAccount": account } };
    expect(all("iam_role")).toEqual({
      host_role: {
        name: `${name}-host`,
        description: "the Airflow host",
        assume_role_policy: assumedBy("ec2.amazonaws.com"),
      },
      flow_role: {
        name: `${name}-flow-logs`,
        description: "VPC flow logs write to their log group",
        assume_role_policy: assumedBy("vpc-flow-logs.amazonaws.com", ours),
      },
      snapshot_role: {
        name: `${name}-snapshots`,
        description: "Amazon Data Lifecycle Manager makes the daily snapshots",
        assume_role_policy: assumedBy("dlm.amazonaws.com", ours),
      },
    });
    expect(all("iam_role_policy_attachment")).toEqual({
      snapshot_policy: {
        role: "${aws_iam_role.snapshot_role.name}",
        policy_arn: "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole",
      },
    });
    expect(all("iam_instance_profile")).toEqual({
      host_profile: { name: `${name}-host`, role: "${aws_iam_role.host_role.name}" },
    });
  });

  test("what the roles may do", () => {
    const sessions = policy(
      {
        Effect: "Allow",
        Action: "ssm:UpdateInstanceInformation",
        Resource: `arn:aws:ec2:${region}:${account}:instance/*`,
      },
      {
        Effect: "Allow",
        Action: [
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ],
        Resource: "*",
      },
    );
    expect(all("iam_role_policy")).toEqual({
      host_adds_backups: {
        role: "${aws_iam_role.host_role.id}",
        name: "add-backups",
        policy: policy(
          {
            Effect: "Allow",
            Action: "s3:PutObject",
            Resource: `arn:aws:s3:::${bucket}/airflow/*`,
            Condition: { Null: { "s3:if-none-match": "false" }, StringEquals: { "aws:ResourceAccount": account } },
          },
          {
            Effect: "Allow",
            Action: "kms:GenerateDataKey",
            Resource: "${var.key_arn}",
            Condition: { StringEquals: { "kms:ViaService": `s3.${region}.amazonaws.com` } },
          },
        ),
      },
      host_task_role: {
        role: "${aws_iam_role.host_role.id}",
        name: "task-role",
        policy: policy({ Effect: "Allow", Action: "sts:AssumeRole", Resource: taskRole }),
      },
      flow_policy: {
        role: "${aws_iam_role.flow_role.id}",
        name: "write",
        policy: policy({
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
          Resource: `arn:aws:logs:${region}:${account}:log-group:/${name}/vpc:*`,
        }),
      },
      ...(access === "ssm" && {
        host_sessions: { role: "${aws_iam_role.host_role.id}", name: "sessions", policy: sessions },
      }),
    });
  });

  test("who may use the key", () => {
    expect(all("kms_key")).toEqual({
      key: {
        description: `${name}: disks, snapshots, backups, logs`,
        enable_key_rotation: true,
        deletion_window_in_days: 30,
        lifecycle: { prevent_destroy: true },
        policy: policy(
          {
            Sid: "Account",
            Effect: "Allow",
            Principal: { AWS: `arn:aws:iam::${account}:root` },
            Action: "kms:*",
            Resource: "*",
          },
          {
            Sid: "FlowLogs",
            Effect: "Allow",
            Principal: { Service: `logs.${region}.amazonaws.com` },
            Action: ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            Resource: "*",
            Condition: {
              ArnEquals: {
                "kms:EncryptionContext:aws:logs:arn": `arn:aws:logs:${region}:${account}:log-group:/${name}/vpc`,
              },
            },
          },
          {
            Sid: "Alarms",
            Effect: "Allow",
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
            Resource: "*",
            Condition: { StringEquals: { "aws:SourceAccount": account } },
          },
        ),
      },
    });
    expect(all("kms_alias")).toEqual({
      key_alias: { name: `alias/${name}`, target_key_id: "${aws_kms_key.key.key_id}" },
    });
  });

  test("the backups' bucket: who may do what, what goes when, what stays", () => {
    const both = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const byHost = { ArnEquals: { "aws:PrincipalArn": `arn:aws:iam::${account}:role/${name}-host` } };
    const deny = { Effect: "Deny", Principal: "*" };
    const of = "${aws_s3_bucket.backups.id}";
    expect(all("s3_bucket")).toEqual({
      backups: { bucket, force_destroy: false, lifecycle: { prevent_destroy: true } },
    });
    expect(all("s3_bucket_policy")).toEqual({
      backups_policy: {
        bucket: of,
        depends_on: ["aws_s3_bucket_public_access_block.backups_private"],
        policy: policy(
          {
            Sid: "TlsOnly",
            ...deny,
            Action: "s3:*",
            Resource: both,
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          },
          { Sid: "HostAddsOnly", ...deny, NotAction: "s3:PutObject", Resource: both, Condition: byHost },
          {
            Sid: "HostAddsBackupsOnly",
            ...deny,
            Action: "s3:PutObject",
            NotResource: `arn:aws:s3:::${bucket}/airflow/*`,
            Condition: byHost,
          },
          {
            Sid: "HostOverwritesNothing",
            ...deny,
            Action: "s3:PutObject",
            Resource: both[1],
            Condition: { ...byHost, Null: { "s3:if-none-match": "true" } },
          },
        ),
      },
    });
    const filter = [{ prefix: "" }];
    expect(all("s3_bucket_lifecycle_configuration")).toEqual({
      backups_lifecycle: {
        bucket: of,
        depends_on: ["aws_s3_bucket_versioning.backups_versioning"],
        rule: [
          {
            id: "expire",
            status: "Enabled",
            filter,
            expiration: [{ days }],
            noncurrent_version_expiration: [{ noncurrent_days: 7 }],
            abort_incomplete_multipart_upload: [{ days_after_initiation: 2 }],
          },
          { id: "markers", status: "Enabled", filter, expiration: [{ expired_object_delete_marker: true }] },
        ],
      },
    });
    expect(all("s3_bucket_object_lock_configuration")).toEqual({
      backups_lock: {
        bucket: of,
        depends_on: ["aws_s3_bucket_versioning.backups_versioning"],
        rule: { default_retention: lock },
      },
    });
  });

  test("what comes in and goes out", () => {
    const [host, door] = ["${aws_security_group.host_group.id}", "${aws_security_group.door_group.id}"];
    const tcp = (port: number) => ({ ip_protocol: "tcp", from_port: port, to_port: port });
    const out = (port: number, description: string) => ({
      [`host_to_${port}`]: { security_group_id: host, ...tcp(port), cidr_ipv4: "0.0.0.0/0", description },
    });
    const through = { ...tcp(22), description: "SSH through the endpoint" };
    expect(all("vpc_security_group_egress_rule")).toEqual({
      ...out(80, "package mirrors"),
      ...out(443, "packages, images, AWS"),
      ...out(egressPort, "egressPorts of the deployment file"),
      ...(access === "eice" && {
        door_to_host: { security_group_id: door, referenced_security_group_id: host, ...through },
      }),
    });
    expect(all("vpc_security_group_ingress_rule")).toEqual({
      ...(access === "direct" && {
        [`ssh_from_${cidr.replace(/[./]/g, "_")}`]: {
          security_group_id: host,
          ...tcp(22),
          cidr_ipv4: cidr,
          description: "SSH from ada",
        },
      }),
      ...(access === "eice" && {
        host_from_door: { security_group_id: host, referenced_security_group_id: door, ...through },
      }),
    });
    expect(all("ec2_instance_connect_endpoint")).toEqual(
      access === "eice"
        ? {
            door: {
              subnet_id: "${aws_subnet.public_0.id}",
              security_group_ids: [door],
              preserve_client_ip: false,
              tags: { Name: name },
            },
          }
        : {},
    );
    expect(all("network_interface")).toEqual({
      host_interface: {
        subnet_id: "${aws_subnet.public_0.id}",
        security_groups: [host],
        description: "Airflow host",
        tags: { Name: name },
      },
    });
  });

  test("flow logs", () => {
    expect(all("flow_log")).toEqual({
      flow_log: {
        vpc_id: "${aws_vpc.vpc.id}",
        traffic_type: "ALL",
        log_destination_type: "cloud-watch-logs",
        log_destination: "${aws_cloudwatch_log_group.flow_logs.arn}",
        iam_role_arn: "${aws_iam_role.flow_role.arn}",
        max_aggregation_interval: 600,
        tags: { Name: name },
      },
    });
    expect(all("cloudwatch_log_group")).toEqual({
      flow_logs: { name: `/${name}/vpc`, retention_in_days: 365, kms_key_id: "${var.key_arn}" },
    });
  });

  test("alarms and budget: each tells the address, none is switched off", () => {
    const topic = "${aws_sns_topic.alarms.arn}";
    const alarm = (id: string, action?: string) => ({
      alarm_name: `${name}-${id}`,
      comparison_operator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      actions_enabled: true,
      alarm_actions: [...(action ? [`arn:aws:automate:${region}:ec2:${action}`] : []), topic],
      ok_actions: [topic],
    });
    const check = (metric_name: string, evaluation_periods: number, alarm_description: string) => ({
      alarm_description,
      namespace: "AWS/EC2",
      metric_name,
      statistic: "Maximum",
      period: 60,
      evaluation_periods,
      dimensions: { InstanceId: "${aws_instance.host.id}" },
      treat_missing_data: "missing",
    });
    expect(all("cloudwatch_metric_alarm")).toEqual({
      recover: {
        ...alarm("recover", "recover"),
        ...check(
          "StatusCheckFailed_System",
          2,
          "the hardware under the host is broken: AWS moves the host to other hardware",
        ),
      },
      reboot: {
        ...alarm("reboot", "reboot"),
        ...check("StatusCheckFailed_Instance", 3, "the host does not answer: AWS reboots it"),
      },
      volume: {
        ...alarm("volume"),
        ...check("StatusCheckFailed_AttachedEBS", 5, "a disk of the host does not answer"),
      },
      snapshots: {
        ...alarm("snapshots"),
        alarm_description: "the daily snapshot of the data volume failed",
        namespace: "AWS/EBS",
        metric_name: "SnapshotsCreateFailed",
        statistic: "Sum",
        period: 3600,
        evaluation_periods: 1,
        dimensions: { DLMPolicyId: "${var.snapshot_policy_id}" },
        treat_missing_data: "notBreaching",
      },
    });
    expect(all("sns_topic")).toEqual({ alarms: { name: `${name}-alarms`, kms_master_key_id: `alias/${name}` } });
    expect(all("sns_topic_subscription")).toEqual({
      alarm_mail: { topic_arn: topic, protocol: "email", endpoint: mail },
    });
    const notice = (notification_type: string, threshold: number) => ({
      notification_type,
      threshold,
      threshold_type: "PERCENTAGE",
      comparison_operator: "GREATER_THAN",
      subscriber_email_addresses: [mail],
    });
    expect(all("budgets_budget")).toEqual({
      budget: {
        name,
        budget_type: "COST",
        limit_amount: budget.text,
        limit_unit: "USD",
        time_unit: "MONTHLY",
        notification: [notice("ACTUAL", 80), notice("FORECASTED", 100)],
      },
    });
  });

  test("snapshots, and the volume that they are of", () => {
    expect(all("dlm_lifecycle_policy")).toEqual({
      snapshots: {
        description: `${name} daily snapshots`,
        execution_role_arn: "${aws_iam_role.snapshot_role.arn}",
        state: "ENABLED",
        policy_details: {
          resource_types: ["VOLUME"],
          target_tags: { Backup: name },
          schedule: [
            {
              name: "daily",
              create_rule: { interval: 24, interval_unit: "HOURS", times: ["02:30"] },
              retain_rule: { count: snapshots },
              copy_tags: true,
              tags_to_add: { SnapshotOf: name },
            },
          ],
        },
      },
    });
    expect(all("ebs_volume")).toEqual({
      data: {
        availability_zone: `${region}a`,
        size: 40,
        type: "gp3",
        encrypted: true,
        kms_key_id: "${aws_kms_key.key.arn}",
        final_snapshot: true,
        timeouts: { delete: "12h" },
        tags: { Name: `${name}-data`, Backup: name },
        lifecycle: { prevent_destroy: true },
      },
    });
    expect(all("volume_attachment")).toEqual({
      data_attachment: {
        // Not a name that a root disk has.
        device_name: "/dev/sdf",
        volume_id: "${var.volume_id}",
        instance_id: "${aws_instance.host.id}",
        stop_instance_before_detaching: true,
      },
    });
    expect(all("eip")).toEqual({
      address: { domain: "vpc", tags: { Name: name }, lifecycle: { prevent_destroy: true } },
    });
  });

  test("the host, and what is there before its first boot", () => {
    const { user_data: _, ...host } = all("instance").host;
    expect({ ...host, depends_on: [...host.depends_on].sort() }).toEqual({
      ami: "${data.aws_ami.image.id}",
      instance_type: "t3.large",
      primary_network_interface: { network_interface_id: "${aws_network_interface.host_interface.id}" },
      iam_instance_profile: "${aws_iam_instance_profile.host_profile.name}",
      ebs_optimized: true,
      monitoring: false,
      disable_api_termination: true,
      force_destroy: true,
      instance_initiated_shutdown_behavior: "stop",
      metadata_options: {
        http_endpoint: "enabled",
        http_tokens: "required",
        http_put_response_hop_limit: 1,
        http_protocol_ipv6: "disabled",
        instance_metadata_tags: "disabled",
      },
      maintenance_options: { auto_recovery: "default" },
      root_block_device: {
        volume_type: "gp3",
        volume_size: 30,
        encrypted: true,
        kms_key_id: "${var.key_arn}",
        delete_on_termination: true,
        tags: { Name: `${name}-root` },
      },
      user_data_replace_on_change: false,
      lifecycle: {
        ignore_changes: ["ami", "user_data", "user_data_base64", "key_name", "associate_public_ip_address"],
        replace_triggered_by: ["terraform_data.kind"],
      },
      depends_on: [
        "aws_eip_association.address_use",
        "aws_iam_role_policy.host_adds_backups",
        ...(access === "ssm" ? ["aws_iam_role_policy.host_sessions"] : []),
        "aws_iam_role_policy.host_task_role",
        ...["443", String(egressPort), "80"].map((port) => `aws_vpc_security_group_egress_rule.host_to_${port}`),
      ],
      tags: { Name: name },
    });
    expect(all("eip_association")).toEqual({
      address_use: {
        allocation_id: "${var.address_id}",
        network_interface_id: "${aws_network_interface.host_interface.id}",
        depends_on: ["aws_route.public_internet"],
      },
    });
  });
});

test("a volume is made from a snapshot if the deployment file names one", () => {
  const settings = { data: { fromSnapshot: "snap-0123456789abcdef0" } };
  const { data } = synthesize(awsDeployment(root, settings, undefined, "restored"));
  expect(data.resource.aws_ebs_volume.data.snapshot_id).toBe("snap-0123456789abcdef0");
});
