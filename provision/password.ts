import { ADMIN } from "./deployment/airflow";
import { UserError } from "./base/errors";
import { runScript } from "./script";
import { readSecrets } from "./deployment/secrets-file";

runScript(async (deployment, { screen }) => {
  if (!process.stdout.isTTY) {
    throw new UserError(
      "the password is shown on a terminal only",
      "run it without a pipe or redirection: a file would keep the password",
    );
  }
  const { admin_password } = await readSecrets(deployment);
  screen.print(`user      ${ADMIN}\npassword  ${admin_password}`);
});
