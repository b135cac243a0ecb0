import { monthlyCost } from "../../provision/aws/aws-cost";
import { confirmLosses } from "../../provision/stacks/confirm";
import type { Deployment } from "../../provision/deployment/deployment";
import { notesOf } from "../../provision/stacks/aws-infrastructure";
import { ResourceChange } from "../../provision/aws/terraform-json";
import { plannedChanges, refuseImpossible, summarize } from "../../provision/stacks/planned-changes";
import { context } from "../support/context";

const deployment = { name: "production" } as Deployment;

const change = (address: string, actions: string[], before: object | null, after: object | null, more = {}) =>
  ({ address, type: address.split(".")[0]!, change: { actions, before, after, ...more } }) as ResourceChange;
const planOf = (...resource_changes: ResourceChange[]) => plannedChanges("host", { resource_changes }, {});

const volume = { id: "vol-1", size: 40, availability_zone: "eu-central-1a" };
const rule = { from_port: 22, cidr_ipv4: "203.0.113.7/32", description: "SSH from ada" };

test.each<[what: string, change: ResourceChange, summary: string]>([
  [
    "a new thing",
    change("aws_ebs_volume.data", ["create"], null, volume),
    "create data volume, 40 GiB in eu-central-1a",
  ],
  [
    "a port that opens",
    change("aws_vpc_security_group_ingress_rule.x", ["create"], null, rule),
    "create open port 22 for 203.0.113.7/32 (SSH from ada)",
  ],
  [
    "what becomes what, and nothing that follows from it",
    change(
      "aws_ebs_volume.data",
      ["update"],
      volume,
      { ...volume, size: 80, arn: null },
      { after_unknown: { arn: true } },
    ),
    "change data volume, 80 GiB in eu-central-1a (size: 40 → 80)",
  ],
  [
    "why another is needed",
    change("aws_ebs_volume.data", ["delete", "create"], volume, volume, { replace_paths: [["availability_zone"]] }),
    "replace data volume, 40 GiB in eu-central-1a (another availability_zone)",
  ],
  ["a thing without words of its own", change("aws_made_up.x", ["create"], null, {}), "create aws_made_up.x"],
])("%s", (_what, resource, summary) => expect(planOf(resource)[0]!.summary).toBe(summary));

test.each([
  ["aws_instance.host", /^the host i-1/],
  ["aws_ebs_volume.data", /^the data volume i-1, .*a last snapshot is made$/],
  ["aws_eip.address", /^the address/],
  ["aws_s3_bucket.backups", /^the bucket .* with every backup/],
  ["aws_kms_key.key", /^the key .* no disk, snapshot or backup can be read/],
])("%s: to destroy or replace it is a loss, to create or change it is none", (address, loss) => {
  const lost = (...actions: string[]) =>
    summarize(planOf(change(address, actions, { id: "i-1" }, actions.includes("create") ? { id: "i-1" } : null)))
      .losses;
  expect(lost("delete")).toEqual([expect.stringMatching(loss)]);
  expect(lost("delete", "create")).toEqual([expect.stringMatching(loss)]);
  expect(lost("create", "delete")).toEqual([expect.stringMatching(loss)]);
  expect([...lost("create"), ...lost("update"), ...lost("no-op"), ...lost("read")]).toEqual([]);
});

test("a plan's id is that of its changes: the same for the same, another for any other", () => {
  const id = (...changes: ResourceChange[]) => summarize(planOf(...changes)).id;
  const create = change("aws_ebs_volume.data", ["create"], null, volume);
  const larger = change("aws_ebs_volume.data", ["create"], null, { ...volume, size: 80 });
  const other = change("aws_ebs_volume.data", ["delete"], volume, null);
  expect(id(create)).toBe(id(structuredClone(create)));
  expect(new Set([id(), id(create), id(larger), id(other), id(create, other)]).size).toBe(5);
});

test.each([
  ["aws_ebs_volume.data", { size: 40 }, { size: 20 }, "aws.dataGiB is 20, but the disk has 40 GiB and cannot shrink"],
  [
    "aws_instance.host",
    { root_block_device: [{ volume_size: 60 }] },
    { root_block_device: [{ volume_size: 30 }] },
    "aws.rootGiB is 30, but the disk has 60 GiB and cannot shrink",
  ],
])("%s that would shrink is refused before anything is done", (address, before, after, message) => {
  const refuse = (was: object, is: object, ...actions: string[]) =>
    refuseImpossible({ resource_changes: [change(address, actions, was, is)] });
  expect(() => refuse(before, after, "update")).toThrow(message);
  refuse(after, before, "update");
  refuse(before, before, "update");
  refuse(before, after, "delete", "create");
});

test("another kind of machine is a stop: the plan says so, and what running tasks get", () => {
  const notes = (after: object) => {
    const resource_changes = [change("aws_instance.host", ["update"], { instance_type: "t3.large" }, after)];
    return notesOf([{ resource_changes }], [], "us-east-1").join("\n");
  };
  expect(notes({ instance_type: "t3.xlarge" })).toMatch(/^the host is stopped and started for this: .* 7 minutes/);
  expect(notes({ instance_type: "t3.large" })).not.toMatch(/stopped/);
});

test("small things of a kind are told in one line", () => {
  const subnets = [1, 2, 3].map((i) => change(`aws_subnet.s${i}`, ["create"], null, {}));
  expect(summarize(planOf(...subnets)).text).toBe("host: create network (3 parts)");
});

describe("what is lost wants a word", () => {
  const plan = summarize(planOf(change("aws_ebs_volume.data", ["delete"], volume, null)));
  const confirm = (word?: string) => {
    if (word === undefined) delete process.env["CONFIRM"];
    else process.env["CONFIRM"] = word;
    return confirmLosses(context, deployment, plan, "infrastructure");
  };
  afterEach(() => void delete process.env["CONFIRM"]);
  beforeEach(() => void jest.spyOn(process.stderr, "write").mockReturnValue(true));
  afterEach(() => void jest.restoreAllMocks());

  test("none where there is no terminal is refused, with the word that would do", async () => {
    await expect(confirm()).rejects.toMatchObject({
      message: "this needs to be confirmed: nothing was touched",
      hint: `run CONFIRM=production@${plan.id} make infrastructure`,
    });
  });
  test.each(["production", "yes", "production@00000000", `other@${plan.id}`, `production@${plan.id} `, plan.id])(
    "%j is none",
    async (word) => await expect(confirm(word)).rejects.toThrow(/not "production@\w{8}": nothing was touched/),
  );
  test("name and plan", async () => await confirm(`production@${plan.id}`));
  test("nothing lost, nothing asked", async () =>
    await confirmLosses(context, deployment, summarize([]), "infrastructure"));
});

describe("cost", () => {
  const prices = {
    asOf: "2026-06",
    everywhere: { publicIpv4PerHour: 0.005, keyPerMonth: 1 },
    regions: { here: { gp3PerGiBMonth: 0.1, instancePerHour: { "t3.large": 0.1 } } },
  };
  const host = (instance_type: string) => ({
    type: "aws_instance",
    values: { instance_type, root_block_device: [{ volume_size: 30 }] },
  });
  const rest = [
    { type: "aws_ebs_volume", values: { size: 40 } },
    { type: "aws_eip", values: {} },
    { type: "aws_kms_key", values: {} },
    { type: "aws_vpc", values: {} },
  ];
  test.each([
    [
      "all known",
      host("t3.large"),
      "here",
      /^costs 84\.65 USD a month \(t3\.large 73\.00, root disk 3\.00, data volume 4\.00, address 3\.65, key 1\.00; prices of 2026-06\); plus, by use/,
    ],
    [
      "an unknown type",
      host("x9.large"),
      "here",
      /^costs 11\.65 USD .*; price unknown in here: x9\.large; plus, by use/,
    ],
    [
      "an unknown region",
      host("t3.large"),
      "there",
      /^costs 4\.65 USD .*; price unknown in there: t3\.large, root disk, data volume; plus, by use/,
    ],
  ])("%s", (_what, instance, region, text) => expect(monthlyCost([instance, ...rest], region, prices)).toMatch(text));
});
