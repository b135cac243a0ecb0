import { runScript } from "./script";
import { infrastructureOf } from "./stacks/infrastructure-of";
import { STACKS } from "./stacks/planned-changes";

runScript((deployment, context) =>
  infrastructureOf(context, deployment).tearDown(process.env["KEEP_DATA"] === "1" ? ["host"] : STACKS),
);
