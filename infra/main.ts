import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Context, makeContext } from "../provision/base/context";
import { runMain } from "../provision/base/main";
import { AwsDeployment, Deployment, loadDeployment } from "../provision/deployment/deployment";
import { App } from "./cdktf";

// Writes Terraform's configuration of a deployment: `data` is what outlives its hosts, `host` all that can be made again.
const context = makeContext();
runMain(context, async () => {
  const deployment = loadDeployment(process.env["DEPLOYMENT"] || "local");
  const outdir = join(deployment.paths.state, "cdktf.out");
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir });
  // The stacks are loaded only if the deployment needs them, because loading the AWS provider's bindings takes a while.
  await (deployment.infrastructure === "aws"
    ? addAwsStacks(app, deployment)
    : addLocalStacks(app, deployment, context));
  app.synth();
});

async function addAwsStacks(app: App, deployment: AwsDeployment): Promise<void> {
  const [{ awsProps }, { AwsDataStack }, { AwsHostStack }] = await Promise.all([
    import("./aws-props.js"),
    import("./stacks/aws-data.js"),
    import("./stacks/aws-host.js"),
  ]);
  // Set for plans that destroy something; nobody applies these before a person has confirmed them: see provision/stacks/synth.ts.
  const props = awsProps(deployment, {
    isProtected: process.env["UNPROTECTED"] !== "1",
    hasData: process.env["WITHOUT_DATA"] !== "1",
  });
  new AwsDataStack(app, props);
  new AwsHostStack(app, props);
}

async function addLocalStacks(app: App, deployment: Deployment, context: Context): Promise<void> {
  const [{ localProps }, { LocalDataStack }, { LocalHostStack }] = await Promise.all([
    import("./local-props.js"),
    import("./stacks/local-data.js"),
    import("./stacks/local-host.js"),
  ]);
  const props = await localProps(context, deployment);
  new LocalDataStack(app, "data", props);
  new LocalHostStack(app, "host", props);
}
