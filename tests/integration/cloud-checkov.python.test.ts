import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsDeployment, synthesize } from "../support/aws";
import { PYTHON } from "../support/moto";

jest.setTimeout(180_000);

/** What checkov finds, and why it stays: everything else is a failure, and so is what is no longer found. */
const ACCEPTED: Record<string, { readonly resources: readonly string[]; readonly because: string }> = {
  CKV_AWS_18: {
    resources: ["aws_s3_bucket.backups"],
    because: "access logs want a second bucket; the account's CloudTrail tells who read what",
  },
  CKV_AWS_126: {
    resources: ["resource.host"],
    because: "detailed monitoring: the alarms read status checks, which come every minute for nothing",
  },
  CKV_AWS_144: {
    resources: ["aws_s3_bucket.backups"],
    because: "a copy in a second region doubles the cost; `make backup` pulls each backup to the operator as well",
  },
  CKV2_AWS_62: { resources: ["aws_s3_bucket.backups"], because: "nothing waits for an event of this bucket" },
  CKV2_AWS_19: {
    resources: ["aws_eip.address"],
    because: "the address is used in the other stack: it outlives the host",
  },
  CKV_AWS_24: {
    resources: ["resource.host_from_door"],
    because: "a false alarm: the rule's source is a security group, no network",
  },
};

const root = mkdtempSync(join(tmpdir(), "cloud-checkov-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const full = {
  access: "eice",
  alarmEmail: "ops@example.org",
  budgetUsd: 90,
  egressPorts: [5432],
  taskRole: "arn:aws:iam::123456789012:role/dags",
  backups: { objectLock: "compliance" },
};

test("checkov's findings are known, each with its reason", () => {
  for (const [name, aws] of Object.entries({ small: {}, ssm: { access: "ssm" }, full })) {
    for (const [stack, config] of Object.entries(synthesize(awsDeployment(root, aws, undefined, name)))) {
      // Its `required_version` would make checkov skip the file, and say that all is well.
      const { terraform: _, ...rest } = config;
      mkdirSync(join(root, "scan", name, stack), { recursive: true });
      writeFileSync(join(root, "scan", name, stack, "cdk.tf.json"), JSON.stringify(rest));
    }
  }
  const args = [
    "-d",
    join(root, "scan"),
    "--framework",
    "terraform_json",
    "--skip-download",
    "--compact",
    "-o",
    "json",
  ];
  const { stdout, stderr } = spawnSync(join(PYTHON, "checkov"), args, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (!stdout.startsWith("{")) throw new Error(stdout + stderr);
  const { summary, results } = JSON.parse(stdout);
  expect(summary.parsing_errors).toBe(0);
  expect(summary.passed).toBeGreaterThan(100);
  const found: Record<string, string[]> = {};
  for (const { check_id, resource } of results.failed_checks) (found[check_id] ??= []).push(resource);
  const sorted = Object.fromEntries(
    Object.entries(found).map(([id, resources]) => [id, [...new Set(resources)].sort()]),
  );
  expect(sorted).toEqual(Object.fromEntries(Object.entries(ACCEPTED).map(([id, { resources }]) => [id, resources])));
});
