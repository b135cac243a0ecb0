import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isArm, zonesOf } from "../../provision/deployment/aws-settings";
import { parseSettings } from "../../provision/deployment/deployment";
import { UserError } from "../../provision/base/errors";
import { contains, parseNetwork, part } from "../../provision/deployment/networks";
import { ROOT } from "../../provision/deployment/paths";
import { ADA, BOB } from "../support/aws";

const file = (aws: string, rest = "") =>
  `infrastructure: aws\naws: {account: "123456789012", region: eu-central-1${aws && `, ${aws}`}}\n${rest}`;
const team = (...operators: string[]) => `operators: [${operators.join(", ")}]`;
const person = (who: typeof ADA, cidrs?: string) =>
  `{name: ${who.name}, ssh: "${who.ssh}", age: ${who.age}${cidrs === undefined ? "" : `, cidrs: [${cidrs}]`}}`;
const from = (cidrs: string) => file("", team(person(ADA, cidrs)));
const problemsIn = (yaml: string): string => {
  try {
    parseSettings("x.yaml", yaml);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "";
};

test("account and region are a whole deployment: safe and cheap", () => {
  expect(parseSettings("x.yaml", file(""))).toMatchObject({
    infrastructure: "aws",
    workers: 0,
    database: "container",
    aws: {
      access: "direct",
      instanceType: "t3.large",
      os: "ubuntu-24.04",
      state: "local",
      backups: { days: 35, objectLock: "governance" },
    },
  });
});

test("an unfinished team is no error yet: keypair must read the file before anybody has keys", () => {
  expect(problemsIn(file(""))).toBe("");
});

test.each([
  "0.0.0.0/0",
  "0.0.0.0/1",
  "128.0.0.0/1",
  "64.0.0.0/2",
  "8.0.0.0/8",
  "203.0.0.0/15",
  "::/0",
  "2000::/3",
  "2001:db8::/32",
  "::ffff:0.0.0.0/96",
  "1.2.3.4/0",
  "203.0.113.7/24",
  "0.0.0.0/00",
  "0/0",
  "0x0.0.0.0/0",
  "203.0.113.07/32",
  "203.0.113.7",
  "203.0.113.7/33",
  "203.0.113.256/32",
  "127.0.0.1/32",
  "0.0.0.0/16",
  "169.254.169.254/32",
  "100.64.1.0/24",
  "224.0.0.1/32",
  "10.1.2.3/32",
  "192.168.0.0/24",
  "any",
  "''",
])("%s opens no port", (cidr) => {
  expect(problemsIn(from(`"${cidr}"`.replaceAll(`"''"`, `""`)))).toMatch(/operators\[0\]\.cidrs\[0\]: /);
});

test.each(["203.0.113.7/32", "198.51.100.0/24", "8.8.0.0/16"])("%s may come in", (cidr) => {
  expect(problemsIn(from(cidr))).toBe("");
});

test.each([
  ["infrastructure: aws", "aws: missing: give at least account and region"],
  [
    'infrastructure: local\naws: {account: "123456789012", region: eu-central-1}',
    "aws: is used only with infrastructure: aws",
  ],
  ["infrastructure: aws\naws: {region: eu-central-1}", "aws.account: missing"],
  [
    "infrastructure: aws\naws: {account: 12345678901, region: eu-central-1}",
    "aws.account: must be a string: put it in quotes",
  ],
  ['infrastructure: aws\naws: {account: "1234", region: eu-central-1}', "aws.account: must be 12 digits"],
  ['infrastructure: aws\naws: {account: "123456789012"}', "aws.region: missing"],
  [
    'infrastructure: aws\naws: {account: "123456789012", region: eu-centrl-1}',
    'aws.region: "eu-centrl-1" is not a known AWS region; did you mean "eu-central-1"?',
  ],
  [
    'infrastructure: aws\naws: {account: "123456789012", region: cn-north-1}',
    "another AWS partition, which is not supported yet",
  ],
  [file("zone: eu-west-1a"), 'aws.zone: "eu-west-1a" is not in the region eu-central-1'],
  [file("zone: eu-central-1"), "aws.zone: must be an availability zone"],
  [file("zone: eu-central-1b, secondZone: eu-central-1b"), `aws.secondZone: "eu-central-1b" is the host's zone, too`],
  [file("access: open"), 'aws.access: must be "direct" or "ssm" or "eice" or "proxyCommand", not "open"'],
  [file("access: proxyCommand"), "aws.proxyCommand: missing"],
  [file("proxyCommand: ssh -W %h:%p x"), "aws.proxyCommand: is used only with access: proxyCommand, not with direct"],
  [file("access: ssm", team(person(ADA, "203.0.113.7/32"))), "operators[0].cidrs: has no effect with aws.access: ssm"],
  [file("", team(person(ADA))), "operators: nobody could log in"],
  [file("", team(person(ADA, ""))), "operators: nobody could log in"],
  [file("access: ssm", team(person(ADA), person(BOB))), "aws.state: a team must share its state"],
  [
    `infrastructure: local\n${team(person(ADA, "203.0.113.7/32"))}`,
    "operators[0].cidrs: is used only with infrastructure: aws",
  ],
  [file("instanceType: big"), 'aws.instanceType: "big" must be an instance type'],
  [file("instanceType: t3.micro"), "is too small"],
  [file("instanceType: c7g.medium"), "is too small"],
  [file("instanceType: m7g.medium"), "has one core"],
  [file("instanceType: t2.large"), "is not supported: take a type that runs Linux on the Nitro system"],
  [file("instanceType: mac2.metal"), "is not supported: take a type that runs Linux on the Nitro system"],
  [file("os: ubuntu-22.04"), 'aws.os: must be "ubuntu-24.04" or "debian-13"'],
  [file("os: debian-13, access: ssm"), "aws.os: debian-13 has no SSM agent in its image"],
  [file("egressPorts: [0]"), "aws.egressPorts[0]: must be at least 1"],
  [file("rootGiB: 8"), "aws.rootGiB: must be at least 16"],
  [file("dataGiB: 1.5"), "aws.dataGiB: must be a whole number"],
  [file("vpcCidr: 8.8.0.0/16"), "aws.vpcCidr: "],
  [file("vpcCidr: 10.0.0.0/8"), "aws.vpcCidr: "],
  [file("backups: {days: 1}"), "aws.backups.days: must be at least 7"],
  [file("backups: {bucket: My_Bucket}"), "aws.backups.bucket: must be a bucket's name"],
  [file("backups: {bucket: a..b}"), "aws.backups.bucket: must be a bucket's name"],
  [file("backups: {bucket: 192.168.0.1}"), "aws.backups.bucket: must be a bucket's name"],
  [file("backups: {bucket: -ab}"), "aws.backups.bucket: must be a bucket's name"],
  [file("data: {fromSnapshot: vol-0123456789abcdef0}"), "must be a snapshot's id, like `snap-0123456789abcdef0`"],
  [file("backups: {objectlock: true}"), 'aws.backups.objectlock: unknown; did you mean "objectLock"?'],
  [file("budgetUsd: 50"), "aws.budgetUsd: would tell nobody: give alarmEmail, too"],
  [file("budgetUsd: 0, alarmEmail: ops@example.org"), "aws.budgetUsd: must be at least 1"],
  [file("alarmEmail: ops"), "aws.alarmEmail: must be an e-mail address"],
  [file("stateBucket: my-state"), "aws.stateBucket: is used only with state: s3"],
  [file("state: s3, stateBucket: my-bucket, backups: {bucket: my-bucket}"), "aws.stateBucket: is also backups.bucket"],
  [file("taskRole: dags"), "aws.taskRole: must be a role's ARN"],
  [file('taskRole: "arn:aws:iam::210987654321:role/dags"'), "aws.taskRole: is not in the account 123456789012"],
  [file('taskRole: "arn:aws:iam::123456789012:role/*"'), "aws.taskRole: must be a role's ARN"],
  [file("", "workers: 2"), "workers: must be 0: nothing else works yet"],
  [file("", "database: rds"), 'database: must be "container": nothing else works yet'],
  [file("", "broker: elasticache"), 'broker: must be "container": nothing else works yet'],
  [file("", "database: mysql"), 'database: must be "container" or "rds"'],
])("%j: %s", (yaml, problem) => expect(problemsIn(yaml)).toContain(problem));

test.each([
  file("access: ssm"),
  file("access: eice, state: s3", team(person(ADA), person(BOB))),
  file('access: proxyCommand, proxyCommand: "ssh -W %h:%p bastion"', team(person(ADA, "10.1.0.0/16"))),
  file("state: s3, stateBucket: my-state", team(person(ADA, "203.0.113.7/32"), person(BOB))),
  file(
    "alarmEmail: ops@example.org, budgetUsd: 80.5, backups: {days: 90, objectLock: compliance, bucket: my-backups}, data: {fromSnapshot: snap-0123456789abcdef0}",
  ),
  file('taskRole: "arn:aws:iam::123456789012:role/team/dags"'),
  ...["t4g.large", "m7i-flex.large", "m7gd.2xlarge", "c7i.metal-24xl", "u7i-6tb.112xlarge", "t3.medium"].map((type) =>
    file(`instanceType: ${type}`),
  ),
])("valid: %s", (yaml) => expect(problemsIn(yaml)).toBe(""));

test.each([
  ["t4g.large", true],
  ["m7gd.large", true],
  ["c6gn.large", true],
  ["g5g.xlarge", true],
  ["a1.large", true],
  ["g4dn.xlarge", false],
  ["m7i-flex.large", false],
  ["t3.large", false],
])("%s has an ARM processor: %s", (type, expected) => expect(isArm(type)).toBe(expected));

test.each([
  [undefined, undefined, { host: "eu-central-1a", second: "eu-central-1b" }],
  ["eu-central-1c", undefined, { host: "eu-central-1c", second: "eu-central-1a" }],
  ["eu-central-1b", "eu-central-1c", { host: "eu-central-1b", second: "eu-central-1c" }],
])("zones of %s and %s", (zone, secondZone, expected) => {
  const { aws } = parseSettings("x.yaml", file(""));
  expect(zonesOf({ ...aws!, zone, secondZone })).toEqual(expected);
});

test("networks are cut into parts and compared as numbers", () => {
  const vpc = parseNetwork("10.20.0.0/16")!;
  expect([part(vpc, 4, 0), part(vpc, 4, 9), part(vpc, 4, 15)]).toEqual([
    "10.20.0.0/20",
    "10.20.144.0/20",
    "10.20.240.0/20",
  ]);
  expect(contains(vpc, parseNetwork(part(vpc, 4, 15))!)).toBe(true);
  expect(contains(vpc, parseNetwork("10.21.0.0/24")!)).toBe(false);
  expect(contains(parseNetwork("192.0.0.0/2")!, parseNetwork("224.0.0.0/3")!)).toBe(true);
});

test("the example is valid, and what it shows as defaults are the defaults", () => {
  const example = readFileSync(join(ROOT, "deployments/production.example.yaml"), "utf8");
  const { aws } = parseSettings("production.example.yaml", example);
  expect(aws).toEqual(parseSettings("x.yaml", file("")).aws);
});

test("IPv6 is told as such", () => {
  expect(problemsIn(from('"2001:db8::/32"'))).toContain("is IPv6, but the host has only an IPv4 address");
});
