import { UserError } from "./base/errors";
import { runScript } from "./script";
import { infrastructureOf } from "./stacks/infrastructure-of";
import { STACKS } from "./stacks/planned-changes";

runScript((deployment, context) =>
  infrastructureOf(context, deployment).tearDown(isSet("KEEP_DATA") ? ["host"] : STACKS),
);

/** Whether a switch is on. @throws UserError for another value than 1 or 0: `KEEP_DATA=yes` must not destroy the data */
function isSet(name: string): boolean {
  const value = process.env[name] ?? "";
  if (!["", "0", "1"].includes(value))
    throw new UserError(`${name}=${value} is neither 1 nor 0: nothing was touched`, `say ${name}=1, or leave it out`);
  return value === "1";
}
