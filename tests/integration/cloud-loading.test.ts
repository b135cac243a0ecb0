import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { ACCOUNT, ADA, REGION } from "../support/aws";
import { awsEnvironmentOf } from "../support/aws-stub";

jest.setTimeout(60_000);

const root = mkdtempSync(join(tmpdir(), "cloud-loading-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(() => {
  const aws = { account: ACCOUNT, region: REGION, state: "s3" };
  const operators = [{ ...ADA, cidrs: ["203.0.113.7/32"] }];
  writeFileSync(join(root, "far.yaml"), JSON.stringify({ infrastructure: "aws", operators, aws }));
  mkdirSync(join(root, "far"));
  const host = {
    role: "main",
    id: "i-0abc",
    address: "127.0.0.1",
    port: 1,
    user: "ubuntu",
    privateAddress: "10.20.0.5",
  };
  const outputs = { hosts: [host], dataDevice: { volumeId: "vol-0abc" }, backupBucket: null };
  writeFileSync(join(root, "far", "outputs.json"), JSON.stringify(outputs));
});

/** Amazon's packages that a verb has loaded by its end; nothing answers it. */
function loadedBy(verb: string): Promise<string> {
  const env = {
    ...process.env,
    ...awsEnvironmentOf("http://127.0.0.1:1"),
    DEPLOYMENT: "far",
    AIRFLOW_DEPLOYMENTS: root,
    AIRFLOW_STATE: root,
    HOME: root,
    LOADED: join(root, `${verb}.loaded`),
    DAG: "canary",
    CMD: "version",
  };
  const args = ["--require", "./tests/support/loaded.cjs", "run", verb];
  return new Promise((resolve) =>
    execFile(process.execPath, args, { cwd: ROOT, env }, () => resolve(readFileSync(env.LOADED, "utf8"))),
  );
}

test.each([
  "status",
  "provision",
  "dags",
  "trigger",
  "airflow",
  "logs",
  "ssh",
  "backup",
  "reboot",
  "test",
  "secrets",
  "ui",
])("make %s, which does not call AWS, loads nothing of Amazon's", async (verb) =>
  expect(await loadedBy(verb)).toBe(""),
);

test("make state-bucket, which does, loads what it needs", async () => {
  expect(await loadedBy("state-bucket")).toBe("@aws-sdk/client-sts");
});
