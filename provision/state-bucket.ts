import { checkAccount, makeStateBucket } from "./aws";
import { stateBucket } from "./aws-settings";
import { UserError } from "./errors";
import { print } from "./output";
import { runScript } from "./script";

runScript(async (deployment) => {
  if (deployment.infrastructure !== "aws") {
    throw new UserError(
      "a local deployment keeps its state on this machine",
      "DEPLOYMENT=production make state-bucket",
    );
  }
  if (deployment.aws.state !== "s3") {
    throw new UserError("this deployment keeps its state on this machine", "set aws.state: s3 in the deployment file");
  }
  const bucket = stateBucket(deployment);
  await checkAccount(deployment.aws);
  const was = await makeStateBucket(deployment.aws, bucket);
  print(
    was === "created"
      ? `created the bucket ${bucket}: versioned, encrypted, private; next: make plan`
      : `the bucket ${bucket} is there and keeps versions: left as it is`,
  );
});
