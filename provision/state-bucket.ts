import { checkAccount } from "./aws/aws";
import { makeStateBucket } from "./aws/state-bucket";
import { stateBucket } from "./deployment/aws-settings";
import { UserError } from "./base/errors";
import { onlyOnAws } from "./deployment/deployment";
import { runScript } from "./script";

runScript(async (anyDeployment, { screen }) => {
  const deployment = onlyOnAws(
    anyDeployment,
    "a local deployment keeps its state on this machine",
    "name a deployment on AWS: DEPLOYMENT=production make state-bucket",
  );
  if (deployment.aws.state !== "s3") {
    throw new UserError("this deployment keeps its state on this machine", "set aws.state: s3 in the deployment file");
  }
  const bucket = stateBucket(deployment);
  await checkAccount(deployment.aws);
  const was = await makeStateBucket(deployment.aws, bucket);
  if (was !== "created")
    return screen.print(`the bucket ${bucket} is there already and keeps versions: it was left as it is`);
  screen.print(`created the bucket ${bucket}: versioned, encrypted, private`);
  screen.advise("next: make plan");
});
