import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsProps } from "../../infra/aws-props";
import { contains, overlaps, parseNetwork } from "../../provision/deployment/networks";
import { ACCOUNT, ADA, BOB, REGION, Stacks, awsDeployment, synthesize } from "../support/aws";

// What a scanner does not see: promises about the synthesized JSON, for every variant of the deployment file.

const root = mkdtempSync(join(tmpdir(), "aws-stacks-"));
/** An operator's line of authorized_keys. */
const keyOf = ({ ssh, name }: { ssh: string; name: string }): string => [...ssh.split(" ").slice(0, 2), name].join(" ");

const HOME = [{ ...ADA, cidrs: ["203.0.113.7/32"] }];
const VARIANTS: Record<string, [aws: Record<string, unknown>, operators?: (typeof ADA & { cidrs?: string[] })[]]> = {
  smallest: [{}],
  team: [
    { state: "s3", zone: "eu-central-1b", profile: "work" },
    [
      { ...ADA, cidrs: ["203.0.113.7/32", "198.51.100.0/24"] },
      { ...BOB, cidrs: ["198.51.100.0/24"] },
    ],
  ],
  sessions: [{ access: "ssm", zone: "eu-central-1c", secondZone: "eu-central-1a" }],
  endpoint: [{ access: "eice", os: "debian-13", instanceType: "t4g.large" }],
  bastion: [
    { access: "proxyCommand", proxyCommand: "ssh -W %h:%p bastion.example.org" },
    [{ ...ADA, cidrs: ["10.9.0.0/24"] }],
  ],
  everything: [
    {
      alarmEmail: "ops@example.org",
      budgetUsd: 90,
      egressPorts: [5432],
      vpcCidr: "172.20.0.0/20",
      taskRole: `arn:aws:iam::${ACCOUNT}:role/dags`,
      backups: { days: 90, objectLock: "compliance", bucket: "our-backups" },
    },
    HOME,
  ],
};
const names = Object.keys(VARIANTS);
const made: Record<string, Stacks> = {};
beforeAll(() => {
  for (const [name, [aws, operators]] of Object.entries(VARIANTS))
    made[name] = synthesize(awsDeployment(join(root, name), aws, operators ?? (aws["access"] ? undefined : HOME)));
});

/** Every resource of a variant, of both stacks. */
const resources = (name: string): { stack: string; type: string; id: string; body: any }[] =>
  Object.entries(made[name]!).flatMap(([stack, { resource }]) =>
    Object.entries<Record<string, any>>(resource).flatMap(([type, byId]) =>
      Object.entries(byId).map(([id, body]) => ({ stack, type, id, body })),
    ),
  );
const ofType = (name: string, type: string) => resources(name).filter((found) => found.type === type);
const only = (name: string, type: string): any => {
  const found = ofType(name, type);
  expect(found.map(({ id }) => id)).toHaveLength(1);
  return found[0]!.body;
};
interface Statement {
  readonly where: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly NotAction: readonly string[];
  readonly Resource: readonly string[];
  readonly Principal?: any;
  readonly Condition?: any;
}
const list = (value: any): string[] => (value === undefined ? [] : [value].flat());
const statements = (where: string, json: string): Statement[] =>
  JSON.parse(json).Statement.map((each: any) => ({
    ...each,
    where,
    Action: list(each.Action),
    NotAction: list(each.NotAction),
    Resource: list(each.Resource),
  }));
/** What the host may do. */
const rolePolicies = (name: string, role = "host_role"): Statement[] =>
  ofType(name, "aws_iam_role_policy")
    .filter(({ body }) => body.role === `\${aws_iam_role.${role}.id}`)
    .flatMap(({ id, body }) => statements(id, body.policy));

describe.each(names)("%s: network", (name) => {
  const rules = (kind: "ingress" | "egress") => ofType(name, `aws_vpc_security_group_${kind}_rule`);
  const source = ({ body }: any) => body.cidr_ipv4 ?? body.referenced_security_group_id;

  test("nothing comes in but SSH, from operators or through the endpoint, by any notation", () => {
    const [aws, operators = aws["access"] ? [] : HOME] = VARIANTS[name]!;
    const wanted =
      aws["access"] === "eice"
        ? ["${aws_security_group.door_group.id}"]
        : [...new Set(operators.flatMap((operator) => (operator as any).cidrs ?? []))];
    expect(rules("ingress").map(source).sort()).toEqual(wanted.sort());
    for (const { body } of rules("ingress"))
      expect(body).toMatchObject({ ip_protocol: "tcp", from_port: 22, to_port: 22 });
    for (const { body } of rules("ingress")) {
      if (body.cidr_ipv4) expect(parseNetwork(body.cidr_ipv4)!.bits).toBeGreaterThanOrEqual(16);
    }
  });
  test("what goes out is TCP to known ports", () => {
    const ports = name === "everything" ? [80, 443, 5432] : name === "endpoint" ? [22, 80, 443] : [80, 443];
    expect(
      rules("egress")
        .map(({ body }) => body.to_port)
        .sort((a, b) => a - b),
    ).toEqual(ports);
    for (const { body } of rules("egress")) expect(body).toMatchObject({ ip_protocol: "tcp", from_port: body.to_port });
  });
  test("one rule a resource, each with a description; none by IPv6, prefix list or inside a group", () => {
    const all = [...rules("ingress"), ...rules("egress")];
    for (const { body } of all) {
      expect(body.description).toMatch(/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{3,255}$/);
      expect([body.cidr_ipv6, body.prefix_list_id]).toEqual([undefined, undefined]);
      expect([body.cidr_ipv4, body.referenced_security_group_id].filter(Boolean)).toHaveLength(1);
    }
    expect(
      new Set(all.map(({ body, type }) => `${type} ${body.security_group_id} ${body.to_port} ${source({ body })}`))
        .size,
    ).toBe(all.length);
    for (const { body } of ofType(name, "aws_security_group")) {
      expect([body.ingress, body.egress]).toEqual([undefined, undefined]);
      expect(body).toMatchObject({ vpc_id: "${aws_vpc.vpc.id}", lifecycle: { create_before_destroy: true } });
      // A fixed name cannot be made beside its predecessor.
      expect([body.name, body.name_prefix]).toEqual([undefined, expect.stringMatching(/^airflow-production-.+-$/)]);
    }
    const others = resources(name)
      .map(({ type }) => type)
      .filter((type) => /security_group/.test(type));
    expect(
      others.every((type) =>
        /^aws_(default_security_group|security_group|vpc_security_group_(in|e)gress_rule)$/.test(type),
      ),
    ).toBe(true);
  });
  test("the default group is taken over and emptied", () => {
    const group = only(name, "aws_default_security_group");
    expect(group.vpc_id).toBe("${aws_vpc.vpc.id}");
    expect([group.ingress ?? [], group.egress ?? []]).toEqual([[], []]);
  });
  test("two zones, four networks apart from each other; the private ones have no way out", () => {
    const vpc = parseNetwork(only(name, "aws_vpc").cidr_block)!;
    const subnets = ofType(name, "aws_subnet");
    const networks = subnets.map(({ body }) => parseNetwork(body.cidr_block)!);
    expect(networks).toHaveLength(4);
    for (const [i, network] of networks.entries()) {
      expect(contains(vpc, network)).toBe(true);
      expect(networks.some((other, j) => i !== j && overlaps(network, other))).toBe(false);
    }
    for (const kind of ["public", "private"])
      expect(
        new Set(subnets.filter(({ id }) => id.startsWith(kind)).map(({ body }) => body.availability_zone)).size,
      ).toBe(2);
    for (const { id, body } of subnets) {
      expect(body.map_public_ip_on_launch).toBe(false);
      expect(
        ofType(name, "aws_route_table_association").filter(
          ({ body: use }) => use.subnet_id === `\${aws_subnet.${id}.id}`,
        ),
      ).toMatchObject([{ body: { route_table_id: `\${aws_route_table.${id.split("_")[0]}_routes.id}` } }]);
    }
    expect(ofType(name, "aws_route").map(({ body }) => body.route_table_id)).toEqual([
      "${aws_route_table.public_routes.id}",
    ]);
  });
  test("flow logs of all traffic, encrypted, kept for a year; S3 without the internet", () => {
    expect(only(name, "aws_flow_log")).toMatchObject({ traffic_type: "ALL", vpc_id: "${aws_vpc.vpc.id}" });
    const logs = only(name, "aws_cloudwatch_log_group");
    expect(logs).toMatchObject({ retention_in_days: 365, kms_key_id: "${var.key_arn}" });
    // The key's policy lets logs of exactly this name use it.
    const use = statements("key", only(name, "aws_kms_key").policy).find(({ Principal }) =>
      /^logs\./.test(Principal.Service),
    );
    expect(use!.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]).toBe(
      `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${logs.name}`,
    );
    expect(only(name, "aws_vpc_endpoint")).toMatchObject({
      vpc_endpoint_type: "Gateway",
      service_name: `com.amazonaws.${REGION}.s3`,
    });
    expect(only(name, "aws_vpc_endpoint").route_table_ids).toHaveLength(2);
  });
});

describe.each(names)("%s: host", (name) => {
  const host = () => only(name, "aws_instance");

  test("metadata only by token, and not one hop further: containers have none of the host's permissions", () => {
    expect(host().metadata_options).toEqual({
      http_endpoint: "enabled",
      http_tokens: "required",
      http_put_response_hop_limit: 1,
      http_protocol_ipv6: "disabled",
      instance_metadata_tags: "disabled",
    });
  });
  test("nothing that changes by itself makes another host; another kind does", () => {
    const { lifecycle, user_data_replace_on_change } = host();
    expect(lifecycle.ignore_changes.sort()).toEqual([
      "ami",
      "associate_public_ip_address",
      "key_name",
      "user_data",
      "user_data_base64",
    ]);
    expect(lifecycle.replace_triggered_by).toEqual(["terraform_data.kind"]);
    expect(user_data_replace_on_change).toBe(false);
    expect(ofType(name, "aws_key_pair")).toEqual([]);
  });
  test("what an elastic IP address would undo is not set", () => {
    expect(host()).not.toHaveProperty("associate_public_ip_address");
    expect(host()).not.toHaveProperty("key_name");
    expect(host()).not.toHaveProperty("private_ip");
  });
  test("protected from slips, moved off broken hardware, encrypted", () => {
    expect(host()).toMatchObject({
      disable_api_termination: true,
      instance_initiated_shutdown_behavior: "stop",
      maintenance_options: { auto_recovery: "default" },
      monitoring: false,
      ebs_optimized: true,
      root_block_device: {
        encrypted: true,
        kms_key_id: "${var.key_arn}",
        volume_type: "gp3",
        delete_on_termination: true,
      },
      primary_network_interface: { network_interface_id: "${aws_network_interface.host_interface.id}" },
      iam_instance_profile: "${aws_iam_instance_profile.host_profile.name}",
    });
  });
  test("host and data are in the same zone, and meet there", () => {
    const card = only(name, "aws_network_interface");
    const subnet = /aws_subnet\.(\w+)\.id/.exec(card.subnet_id)![1]!;
    expect(card.security_groups).toEqual(["${aws_security_group.host_group.id}"]);
    const zone = ofType(name, "aws_subnet").find(({ id }) => id === subnet)!.body.availability_zone;
    expect(zone).toBe(only(name, "aws_ebs_volume").availability_zone);
    expect(subnet).toMatch(/^public/);
    expect(only(name, "aws_volume_attachment")).toMatchObject({
      volume_id: "${var.volume_id}",
      instance_id: "${aws_instance.host.id}",
      stop_instance_before_detaching: true,
    });
    expect(only(name, "aws_volume_attachment")).not.toHaveProperty("force_detach");
    expect(only(name, "aws_eip_association")).toMatchObject({
      allocation_id: "${var.address_id}",
      network_interface_id: "${aws_network_interface.host_interface.id}",
    });
    expect(host().depends_on).toContain("aws_eip_association.address_use");
  });
  test("its image is published by the distribution itself, for the machine's processor", () => {
    const { owners, filter, most_recent } = made[name]!.host.data.aws_ami.image;
    const values = Object.fromEntries(filter.map((each: any) => [each.name, each.values]));
    const expected =
      name === "endpoint"
        ? { owner: "136693071363", image: "debian-13-arm64-*", architecture: "arm64" }
        : {
            owner: "099720109477",
            image: "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
            architecture: "x86_64",
          };
    expect({ owners, most_recent, values }).toEqual({
      owners: [expected.owner],
      most_recent: true,
      values: {
        name: [expected.image],
        architecture: [expected.architecture],
        "virtualization-type": ["hvm"],
        "root-device-type": ["ebs"],
      },
    });
    expect(host().ami).toBe("${data.aws_ami.image.id}");
  });
  test("first boot: SSH keys of the team, one kind of host key, shown on the console; no password, no root", () => {
    const [first, ...rest] = host().user_data.split("\n");
    const config = JSON.parse(rest.join("\n"));
    expect(first).toBe("#cloud-config");
    expect(config).toMatchObject({
      disable_root: true,
      ssh_pwauth: false,
      ssh_deletekeys: true,
      ssh_genkeytypes: ["ed25519"],
      ssh: { emit_keys_to_console: true },
    });
    expect(config.ssh_authorized_keys).toEqual((name === "team" ? [ADA, BOB] : [ADA]).map(keyOf));
    expect(Object.keys(config).filter((key) => /runcmd|bootcmd|write_files|users|passw/.test(key))).toEqual([]);
  });
});

describe.each(names)("%s: permissions", (name) => {
  test("the host adds backups under one prefix, and only new ones", () => {
    const bucket = name === "everything" ? "our-backups" : `airflow-backups-${ACCOUNT}-production`;
    const s3 = rolePolicies(name).filter(({ Action }) => Action.some((action) => /^s3:|\*/.test(action)));
    expect(s3).toEqual([
      {
        where: "host_adds_backups",
        Effect: "Allow",
        Action: ["s3:PutObject"],
        NotAction: [],
        Resource: [`arn:aws:s3:::${bucket}/airflow/*`],
        Condition: { Null: { "s3:if-none-match": "false" }, StringEquals: { "aws:ResourceAccount": ACCOUNT } },
      },
    ]);
  });
  test("and can do nothing else but what its way in and its DAGs need", () => {
    const sessions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ];
    expect(
      rolePolicies(name)
        .flatMap(({ Action }) => Action)
        .sort(),
    ).toEqual(
      [
        "kms:GenerateDataKey",
        "s3:PutObject",
        ...(name === "sessions" ? sessions : []),
        ...(name === "everything" ? ["sts:AssumeRole"] : []),
      ].sort(),
    );
    const attached = ofType(name, "aws_iam_role_policy_attachment");
    expect(attached.map(({ body }) => [body.role, body.policy_arn])).toEqual([
      ["${aws_iam_role.snapshot_role.name}", "arn:aws:iam::aws:policy/service-role/AWSDataLifecycleManagerServiceRole"],
    ]);
    for (const { body } of ofType(name, "aws_iam_role"))
      expect([body.managed_policy_arns, body.inline_policy]).toEqual([undefined, undefined]);
  });
  test("no role has a wildcard of actions, and of resources only where AWS knows none", () => {
    for (const { body, id } of ofType(name, "aws_iam_role_policy")) {
      for (const { Effect, Action, NotAction, Resource } of statements(id, body.policy)) {
        expect({ Effect, NotAction }).toEqual({ Effect: "Allow", NotAction: [] });
        expect(Action.filter((action) => action.includes("*"))).toEqual([]);
        if (Resource.includes("*")) expect(Action.every((action) => action.startsWith("ssmmessages:"))).toBe(true);
        expect(Action.filter((action) => /PassRole|^iam:|^ec2:|Delete|Get|List/.test(action))).toEqual([]);
      }
    }
  });
  test("each permission is for exactly these things", () => {
    const bucket = name === "everything" ? "our-backups" : `airflow-backups-${ACCOUNT}-production`;
    const things = ["host_role", "flow_role", "snapshot_role"].flatMap((role) =>
      rolePolicies(name, role).map(({ where, Resource }) => [where, ...Resource].join(" ")),
    );
    expect(things.sort()).toEqual(
      [
        `flow_policy arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/airflow-production/vpc:*`,
        `host_adds_backups arn:aws:s3:::${bucket}/airflow/*`,
        "host_adds_backups ${var.key_arn}",
        ...(name === "sessions"
          ? [`host_sessions arn:aws:ec2:${REGION}:${ACCOUNT}:instance/*`, "host_sessions *"]
          : []),
        ...(name === "everything" ? [`host_task_role arn:aws:iam::${ACCOUNT}:role/dags`] : []),
      ].sort(),
    );
    expect(things).toHaveLength(
      ofType(name, "aws_iam_role_policy").flatMap(({ id, body }) => statements(id, body.policy)).length,
    );
  });
  test("roles are taken on by one service each, on behalf of this account", () => {
    const trust = Object.fromEntries(
      ofType(name, "aws_iam_role").map(({ id, body }) => [id, statements(id, body.assume_role_policy)]),
    );
    const service = (id: string) => trust[id]!.map(({ Principal, Action, Effect }) => [Effect, Action, Principal]);
    expect(service("host_role")).toEqual([["Allow", ["sts:AssumeRole"], { Service: "ec2.amazonaws.com" }]]);
    expect(service("flow_role")).toEqual([["Allow", ["sts:AssumeRole"], { Service: "vpc-flow-logs.amazonaws.com" }]]);
    expect(service("snapshot_role")).toEqual([["Allow", ["sts:AssumeRole"], { Service: "dlm.amazonaws.com" }]]);
    for (const id of ["flow_role", "snapshot_role"])
      expect(trust[id]![0]!.Condition).toEqual({ StringEquals: { "aws:SourceAccount": ACCOUNT } });
  });
  test("policies name things by literal ARNs of this account and region", () => {
    const json = resources(name).flatMap(({ body }) =>
      [body.policy, body.assume_role_policy].filter((text) => typeof text === "string"),
    );
    const tokens = json.join("\n").match(/\$\{[^}]*\}/g) ?? [];
    expect([...new Set(tokens)]).toEqual(["${var.key_arn}"]);
    for (const arn of json.join("\n").match(/arn:aws:[^"]*/g)!) {
      const [, , service, region, account] = arn.split(":");
      if (service === "s3" || arn.startsWith("arn:aws:iam::aws:")) continue;
      expect([account, region]).toEqual([ACCOUNT, service === "iam" ? "" : REGION]);
    }
  });
});

describe.each(names)("%s: data", (name) => {
  test("volume, address, bucket and key are protected, and in the stack that outlives hosts", () => {
    const kept = ["aws_ebs_volume", "aws_eip", "aws_s3_bucket", "aws_kms_key"];
    for (const type of kept) {
      expect(ofType(name, type)).toMatchObject([{ stack: "data", body: { lifecycle: { prevent_destroy: true } } }]);
      expect(Object.keys(ofType(name, type)[0]!.body.lifecycle)).toEqual(["prevent_destroy"]);
    }
    expect(only(name, "aws_s3_bucket").force_destroy).toBe(false);
  });
  test("the volume is encrypted with our key, and leaves a snapshot", () => {
    expect(only(name, "aws_ebs_volume")).toMatchObject({
      type: "gp3",
      encrypted: true,
      kms_key_id: "${aws_kms_key.key.arn}",
      final_snapshot: true,
      timeouts: { delete: "12h" },
    });
    expect(only(name, "aws_ebs_volume")).not.toHaveProperty("snapshot_id");
  });
  test("it is snapshotted every night", () => {
    const { state, policy_details: details } = only(name, "aws_dlm_lifecycle_policy");
    expect({ state, targets: details.target_tags, kinds: details.resource_types }).toEqual({
      state: "ENABLED",
      targets: { Backup: only(name, "aws_ebs_volume").tags.Backup },
      kinds: ["VOLUME"],
    });
    expect(details.schedule).toMatchObject([
      {
        create_rule: { interval: 24, interval_unit: "HOURS", times: ["02:30"] },
        retain_rule: { count: 7 },
        copy_tags: true,
      },
    ]);
  });
  test("the key is turned by AWS every year, and a slip can be taken back for a month", () => {
    const { enable_key_rotation, deletion_window_in_days, policy: json } = only(name, "aws_kms_key");
    expect({ enable_key_rotation, deletion_window_in_days }).toEqual({
      enable_key_rotation: true,
      deletion_window_in_days: 30,
    });
    const [account, ...services] = statements("key", json);
    expect([account!.Principal, account!.Action]).toEqual([{ AWS: `arn:aws:iam::${ACCOUNT}:root` }, ["kms:*"]]);
    for (const { Principal, Action, Condition } of services) {
      expect(Principal.Service).toMatch(/^(logs\.eu-central-1|cloudwatch)\.amazonaws\.com$/);
      expect(Condition).toBeDefined();
      expect(Action).not.toContain("kms:*");
    }
  });
  test("the bucket: private, versioned, encrypted, by TLS only; and nothing of it is left out", () => {
    const part = (type: string): any => {
      const found = only(name, `aws_s3_bucket_${type}`);
      expect(found.bucket).toBe("${aws_s3_bucket.backups.id}");
      return found;
    };
    expect(part("versioning").versioning_configuration.status).toBe("Enabled");
    expect(part("ownership_controls").rule.object_ownership).toBe("BucketOwnerEnforced");
    expect(part("public_access_block")).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
    expect(part("server_side_encryption_configuration").rule).toMatchObject([
      {
        apply_server_side_encryption_by_default: {
          sse_algorithm: "aws:kms",
          kms_master_key_id: "${aws_kms_key.key.arn}",
        },
        bucket_key_enabled: true,
        blocked_encryption_types: ["SSE-C"],
      },
    ]);
    const bucket = only(name, "aws_s3_bucket").bucket;
    expect(bucket).toMatch(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/);
    expect(only(name, "aws_iam_instance_profile").role).toBe("${aws_iam_role.host_role.name}");
    expect(ofType(name, "aws_iam_role").find(({ id }) => id === "host_role")!.body.name).toBe(
      "airflow-production-host",
    );
  });
});

test("object lock keeps a backup for 30 days or, if they are fewer, its own", () => {
  const lockOf = (backups: object) => awsProps(awsDeployment(join(root, "lock"), { backups }, HOME)).backups.lock;
  expect(lockOf({})).toEqual({ mode: "GOVERNANCE", days: 30 });
  expect(lockOf({ days: 10, objectLock: "compliance" })).toEqual({ mode: "COMPLIANCE", days: 10 });
  expect(lockOf({ objectLock: "none" })).toBeUndefined();
  const without = synthesize(awsDeployment(join(root, "none"), { backups: { objectLock: "none" } }, HOME)).data;
  expect(without.resource).not.toHaveProperty("aws_s3_bucket_object_lock_configuration");
});

test("without an address nobody is told, and nothing is made for that", () => {
  for (const name of names.filter((each) => each !== "everything")) {
    expect([...ofType(name, "aws_budgets_budget"), ...ofType(name, "aws_sns_topic")]).toEqual([]);
    expect(ofType(name, "aws_cloudwatch_metric_alarm").map(({ id }) => id)).toEqual(["reboot", "recover"]);
  }
});

test("through AWS: no port for anybody, and only what that way needs", () => {
  for (const name of names) {
    expect(ofType(name, "aws_ec2_instance_connect_endpoint")).toHaveLength(name === "endpoint" ? 1 : 0);
    expect(ofType(name, "aws_iam_role_policy").some(({ id }) => id === "host_sessions")).toBe(name === "sessions");
  }
  const [allowed] = ofType("endpoint", "aws_ec2_instance_connect_endpoint");
  expect(allowed!.body).toMatchObject({
    security_group_ids: ["${aws_security_group.door_group.id}"],
    preserve_client_ip: false,
  });
});

test("tasks' role: the host may take on exactly that one", () => {
  const [statement] = rolePolicies("everything").filter(({ Action }) => Action.includes("sts:AssumeRole"));
  expect(statement).toMatchObject({ Effect: "Allow", Resource: [`arn:aws:iam::${ACCOUNT}:role/dags`] });
  for (const name of names.filter((each) => each !== "everything"))
    expect(rolePolicies(name).some(({ Action }) => Action.includes("sts:AssumeRole"))).toBe(false);
});

describe.each(names)("%s: as a whole", (name) => {
  test("one account, one region, tagged with the deployment and the stack", () => {
    for (const [stack, { provider, terraform }] of Object.entries(made[name]!)) {
      expect(provider.aws).toHaveLength(1);
      expect(provider.aws[0]).toMatchObject({
        region: REGION,
        allowed_account_ids: [ACCOUNT],
        default_tags: [{ tags: { Project: "airflow-production", Stack: stack, ManagedBy: "terraform" } }],
      });
      expect(provider.aws[0].profile).toBe(name === "team" ? "work" : undefined);
      expect(terraform.required_providers.aws.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(terraform.required_version).toBe(">= 1.10.0");
    }
    for (const { body } of resources(name)) expect(body).not.toHaveProperty("provider");
  });
  test("its state is encrypted and locked in a bucket, or beside the keys", () => {
    for (const [stack, { terraform }] of Object.entries(made[name]!)) {
      if (name === "team") {
        expect(terraform.backend.s3).toEqual({
          bucket: `airflow-state-${ACCOUNT}-${REGION}`,
          key: `production/${stack}.tfstate`,
          region: REGION,
          encrypt: true,
          use_lockfile: true,
          allowed_account_ids: [ACCOUNT],
          profile: "work",
        });
      } else {
        expect(terraform.backend).toEqual({
          local: { path: expect.stringMatching(new RegExp(`^\\.\\./.*${stack}\\.tfstate$`)) },
        });
      }
    }
  });
  test("no provisioner, no secret, no path of this machine", () => {
    const text = JSON.stringify(made[name]);
    expect(resources(name).filter(({ body }) => body.provisioner || body.connection)).toEqual([]);
    expect(text).not.toMatch(/PRIVATE KEY|AGE-SECRET|AKIA[A-Z0-9]{16}|access_key"|secret_key"|"password"/);
    expect(text).not.toContain(root);
    expect(text).not.toContain(ADA.age);
  });
  test("hosts are handed over as provisioning reads them", () => {
    const { output } = made[name]!.host;
    expect(output.hosts.value).toEqual([
      {
        role: "main",
        id: "${aws_instance.host.id}",
        address: name === "bastion" ? "${aws_instance.host.private_ip}" : "${var.address_ip}",
        port: 22,
        user: name === "endpoint" ? "admin" : "ubuntu",
        privateAddress: "${aws_instance.host.private_ip}",
      },
    ]);
    expect(output.dataDevice.value).toEqual({ volumeId: "${var.volume_id}" });
    // Every variable is an output of the data stack of the same name.
    expect(Object.keys(made[name]!.data.output)).toEqual(
      expect.arrayContaining(Object.keys(made[name]!.host.variable)),
    );
  });
  test("every kind of resource is one that was thought of here", () => {
    const known = [
      ..."budgets_budget cloudwatch_log_group cloudwatch_metric_alarm default_security_group dlm_lifecycle_policy".split(
        " ",
      ),
      ..."ebs_volume ec2_instance_connect_endpoint eip eip_association flow_log iam_instance_profile iam_role".split(
        " ",
      ),
      ..."iam_role_policy iam_role_policy_attachment instance internet_gateway kms_alias kms_key network_interface".split(
        " ",
      ),
      ..."route route_table route_table_association s3_bucket s3_bucket_lifecycle_configuration s3_bucket_object_lock_configuration".split(
        " ",
      ),
      ..."s3_bucket_ownership_controls s3_bucket_policy s3_bucket_public_access_block s3_bucket_versioning".split(" "),
      ..."s3_bucket_server_side_encryption_configuration security_group sns_topic sns_topic_subscription subnet".split(
        " ",
      ),
      ..."volume_attachment vpc vpc_endpoint vpc_security_group_egress_rule vpc_security_group_ingress_rule".split(" "),
    ].map((type) => `aws_${type}`);
    expect(
      resources(name)
        .map(({ type }) => type)
        .filter((type) => !known.includes(type)),
    ).toEqual(["terraform_data"]);
  });
});

test("names that AWS would refuse are refused first", () => {
  for (const name of ["a-", "a--b"])
    expect(() => awsProps(awsDeployment(root, {}, HOME, name))).toThrow(/cannot be the name of a deployment on AWS/);
  const longest = awsProps(awsDeployment(root, {}, HOME, "x".repeat(31)));
  expect(longest.backups.bucket.length).toBeLessThanOrEqual(63);
});

test("direct access without an operator is refused: nobody could come in", () => {
  expect(() => awsProps(awsDeployment(root, {}, []))).toThrow("nobody could come in: `operators` is empty");
});

test("more keys than user data has room for are refused before EC2 does", () => {
  const team = (size: number) => {
    const operators = Array.from({ length: size }, (_, i) => ({ ...ADA, name: `operator-${i}` }));
    return () => synthesize(awsDeployment(root, { access: "ssm", state: "s3" }, operators, `team-${size}`));
  };
  expect(team(150)).not.toThrow();
  expect(team(250)).toThrow(
    /^the 250 SSH keys of `operators` in deployments\/team-250.yaml make \d{5} bytes of user data: EC2 allows 16384$/,
  );
});

test("an operator whose own key is not on the list is told before a host locks them out", () => {
  const deployment = awsDeployment(join(root, "locked"), {}, HOME);
  const sshKey = join(root, "own");
  const locked = { ...deployment, paths: { ...deployment.paths, sshKey } };
  writeFileSync(`${sshKey}.pub`, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther eve@laptop\n");
  expect(() => awsProps(locked)).toThrow("your own SSH key is not among `operators`");
  expect(awsProps({ ...locked, operators: [], aws: { ...locked.aws, access: "ssm" } }).authorizedKeys).toEqual([
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOther eve@laptop",
  ]);
  writeFileSync(`${sshKey}.pub`, `${ADA.ssh.replace("ada@laptop", "another comment")}\n`);
  expect(awsProps(locked).authorizedKeys).toEqual([keyOf(ADA)]);
});

test("only a second, deliberate synth takes the protection away; the backups stay even then", () => {
  const deployment = awsDeployment(join(root, "gone"), {}, HOME);
  const bare = synthesize(deployment, { isProtected: false }).data.resource;
  expect(bare.aws_ebs_volume.data.lifecycle.prevent_destroy).toBe(false);
  const gone = synthesize(deployment, { hasData: false }).data;
  expect(gone.resource.aws_s3_bucket.backups.lifecycle.prevent_destroy).toBe(true);
  expect(gone.resource.aws_kms_key.key.lifecycle.prevent_destroy).toBe(true);
  expect(Object.keys(gone.resource).filter((type) => /ebs|eip|dlm/.test(type))).toEqual([]);
  expect(Object.keys(gone.output).sort()).toEqual(["backup_bucket", "key_arn"]);
});
