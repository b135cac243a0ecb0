import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDeployment } from "../../provision/deployment/deployment";
import { stackConfigurations } from "../../provision/stacks/synth";
import { ACCOUNT, ADA, REGION } from "../support/aws";
import { context } from "../support/context";

test("what an operator's shell happens to have set takes no protection away", async () => {
  const root = mkdtempSync(join(tmpdir(), "aws-synth-"));
  const before = { ...process.env };
  const inherited = { UNPROTECTED: "1", WITHOUT_DATA: "1", DEPLOYMENT: "another" };
  Object.assign(process.env, inherited, { AIRFLOW_DEPLOYMENTS: root, AIRFLOW_STATE: root });
  try {
    const operators = [{ ...ADA, cidrs: ["203.0.113.7/32"] }];
    const file = { infrastructure: "aws", operators, aws: { account: ACCOUNT, region: REGION } };
    writeFileSync(join(root, "kept.yaml"), JSON.stringify(file));
    const { data } = (await stackConfigurations(context, loadDeployment("kept", root))) as { data: any };
    const kept = ["aws_ebs_volume", "aws_eip", "aws_kms_key", "aws_s3_bucket"];
    expect(
      kept.map((type) => [type, ...Object.values<any>(data.resource[type]).map((each) => each.lifecycle)]),
    ).toEqual(kept.map((type) => [type, { prevent_destroy: true }]));
  } finally {
    process.env = before;
    rmSync(root, { recursive: true, force: true });
  }
});
