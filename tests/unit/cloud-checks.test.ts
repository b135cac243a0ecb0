import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accountsOf } from "../../provision/stacks/state-files";
import { requireFreshBackup } from "../../provision/aws/aws-checks";
import { ACCOUNT, awsDeployment } from "../support/aws";
import { errorOf } from "../support/capture";
import { context } from "../support/context";
import { infrastructureOf } from "../../provision/stacks/infrastructure-of";

const root = mkdtempSync(join(tmpdir(), "cloud-checks-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the backup that a teardown wants", () => {
  const paths = { backups: join(root, "backups") } as any;
  const at = (name: string, minutes: number): void => {
    mkdirSync(join(paths.backups, name), { recursive: true });
    const manifest = join(paths.backups, name, "manifest.json");
    writeFileSync(manifest, "{}");
    utimesSync(manifest, Date.now() / 1000 - minutes * 60, Date.now() / 1000 - minutes * 60);
  };
  const ask = () => requireFreshBackup({ paths });

  test("is missed", () => expect(ask).toThrow(/^there is no backup in .*: nothing was touched$/));
  test("is not one that did not arrive whole", () => {
    at(".partial-x", 1);
    expect(ask).toThrow(/there is no backup/);
  });
  test("is not an old one", () => {
    at("a", 61);
    expect(ask).toThrow(/^the newest backup is from \d{4}-\d\d-\d\dT/);
  });
  test("may be waived", () => {
    process.env["NO_BACKUP"] = "1";
    expect(ask).not.toThrow();
    delete process.env["NO_BACKUP"];
  });
  test("is younger than an hour", () => {
    at("b", 59);
    expect(ask).not.toThrow();
  });
});

test("the accounts of a state are those of its resources", () => {
  const state = {
    resources: [
      {
        instances: [
          { attributes: { arn: "arn:aws:ec2:eu-central-1:210987654321:instance/i-1", policy: "arn:aws:iam::1:x" } },
        ],
      },
    ],
  };
  expect(accountsOf(JSON.stringify(state, null, 2))).toEqual(["210987654321"]);
  expect(accountsOf(JSON.stringify({ arn: "arn:aws:s3:::bucket" }))).toEqual([]);
});

test("a state of another account is refused before AWS is asked anything", async () => {
  const folder = join(root, "foreign");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "host.tfstate"),
    JSON.stringify({ arn: "arn:aws:ec2:eu-central-1:210987654321:instance/i-1" }),
  );
  const error = await errorOf(infrastructureOf(context, awsDeployment(folder)).check());
  expect(error.message).toMatch(new RegExp(`is of the AWS account 210987654321, but the deployment is in ${ACCOUNT}`));
});

test("a state that could not be stored is never forgotten: the words that store it are told", async () => {
  const folder = join(root, "errored");
  const deployment = awsDeployment(folder);
  const stack = join(deployment.paths.state, "cdktf.out/stacks/host");
  mkdirSync(stack, { recursive: true });
  writeFileSync(join(stack, "errored.tfstate"), "{}");
  const error = await errorOf(infrastructureOf(context, deployment).check());
  expect(error.message).toMatch(/could not store the state of host: it is in .*errored.tfstate/);
  expect(error.hint).toMatch(
    /^nothing was touched; store it: TF_DATA_DIR=\S+ terraform -chdir=\S+ state push errored.tfstate && rm \S+$/,
  );
});
