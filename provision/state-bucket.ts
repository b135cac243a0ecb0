import { checkAccount, makeStateBucket } from "./aws/aws";
import { stateBucket } from "./deployment/aws-settings";
import { UserError } from "./base/errors";
import { print } from "./base/output";
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
