import { join } from "node:path";
import { runScript } from "../provision/script";
import { App } from "./cdktf";
import { localProps } from "./local-props";
import { LocalDataStack } from "./stacks/local-data";
import { LocalHostStack } from "./stacks/local-host";

// Terraform's configuration of a deployment: `data`, what outlives its hosts, and `host`, all that can be made again.
runScript(async (deployment) => {
  const props = await localProps(deployment);
  const app = new App({ outdir: join(deployment.paths.state, "cdktf.out") });
  new LocalDataStack(app, "data", props);
  new LocalHostStack(app, "host", props);
  app.synth();
});
