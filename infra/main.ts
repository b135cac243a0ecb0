import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "../provision/deployment/deployment";
import { runScript } from "../provision/script";
import { App } from "./cdktf";

// Terraform's configuration of a deployment: `data`, what outlives its hosts, and `host`, all that can be made again.
runScript(async (deployment) => {
  const outdir = join(deployment.paths.state, "cdktf.out");
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir });
  await addStacks(app, deployment);
  app.synth();
});

/** Only what a deployment needs is loaded: the provider's bindings take a while. */
async function addStacks(app: App, deployment: Deployment): Promise<void> {
  if (deployment.infrastructure === "aws") {
    const [{ awsProps }, { AwsDataStack }, { AwsHostStack }] = await Promise.all([
      import("./aws-props.js"),
      import("./stacks/aws-data.js"),
      import("./stacks/aws-host.js"),
    ]);
    // Both are set after a destruction has been confirmed: see provision/stacks/terraform-plan.ts.
    const props = awsProps(deployment, {
      isProtected: process.env["UNPROTECTED"] !== "1",
      hasData: process.env["WITHOUT_DATA"] !== "1",
    });
    new AwsDataStack(app, props);
    new AwsHostStack(app, props);
  } else {
    const [{ localProps }, { LocalDataStack }, { LocalHostStack }] = await Promise.all([
      import("./local-props.js"),
      import("./stacks/local-data.js"),
      import("./stacks/local-host.js"),
    ]);
    const props = await localProps(deployment);
    new LocalDataStack(app, "data", props);
    new LocalHostStack(app, "host", props);
  }
}
