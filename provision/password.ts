import { UserError } from "./base/errors";
import { print } from "./base/output";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";

runScript(async (deployment) => {
  if (!process.stdout.isTTY) {
    throw new UserError("the password is shown on a terminal only", "run it without a pipe: a log would keep it");
  }
  const { admin_password } = await readSecrets(deployment);
  print(`user      admin\npassword  ${admin_password}`);
});
