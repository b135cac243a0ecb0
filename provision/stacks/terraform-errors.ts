import { existsSync } from "node:fs";
import { join } from "node:path";
import { Busy, UserError } from "../base/errors";
import { stateBucket } from "../deployment/aws-settings";
import type { Deployment } from "../deployment/deployment";
import { byHand, terraformProgram } from "./folders";
import type { Stack } from "./planned-changes";

const INSTALL =
  "install it: https://developer.hashicorp.com/terraform/install; or set TERRAFORM=tofu: https://opentofu.org/docs/intro/install";
export const tooOldOrMissing = (what: "is too old" | "is not installed"): UserError =>
  new UserError(`${terraformProgram()} ${what}`, INSTALL);

/** A line of terraform's -json output. */
export type TerraformEvent = Readonly<Record<string, unknown>> & { readonly type?: string };

/** The lines that are JSON objects. Terraform prints other lines, too, until it has read its options. */
export function parseEvents(text: string): TerraformEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      return line.startsWith("{") ? [JSON.parse(line) as TerraformEvent] : [];
    } catch {
      return [];
    }
  });
}

/** The plan destroys what is marked with prevent_destroy. */
export class Protected extends UserError {}

/** The error of a failed run of terraform: from its error events or, without any, from everything that it printed. */
export function terraformError(
  deployment: Deployment,
  stack: Stack,
  events: readonly TerraformEvent[],
  text: string,
): UserError {
  const message = (events.flatMap(errorOf).join("\n") || text).trim();
  // Terraform reads the state while it locks it, and reports a broken state as a failure to lock.
  if (/state file|state snapshot|unexpected end of JSON/i.test(message)) {
    return new UserError(`Terraform cannot read the state of ${stack}: ${message}`, earlierState(deployment, stack));
  }
  if (/prevent_destroy/.test(message)) return new Protected(`a protected resource would be destroyed: ${message}`);
  if (/state lock/i.test(message)) return lockHeld(deployment, stack, message);
  if (/unsupported Terraform Core version/i.test(message)) return tooOldOrMissing("is too old");
  const [, script] = /local-exec provisioner error: .*?\. Output:\s*([\s\S]+)$/.exec(message) ?? [];
  return new UserError(
    `terraform failed in the stack ${stack}: ${(script ?? message).trim()}`,
    "mend the cause and run the same verb again: it goes on from there",
  );
}

function errorOf({ type, diagnostic }: TerraformEvent): string[] {
  const { severity, summary, detail } = (diagnostic ?? {}) as {
    severity?: string;
    summary?: string;
    detail?: string;
  };
  return type === "diagnostic" && severity === "error" ? [`${summary}${detail ? `: ${detail}` : ""}`] : [];
}

/** Where the state before the last change is. */
function earlierState(deployment: Deployment, stack: Stack): string {
  if (deployment.infrastructure === "aws" && deployment.aws.state === "s3") {
    const { name } = deployment;
    return `the bucket ${stateBucket(deployment)} keeps earlier versions of ${name}/${stack}.tfstate`;
  }
  const file = join(deployment.paths.terraformState, `${stack}.tfstate`);
  if (existsSync(`${file}.backup`)) return `${file}.backup is the state before the last change`;
  return `restore ${file} from a backup of yours: there is no earlier state beside it`;
}

/** Says who holds the state's lock. Only a person can tell whether that run is still alive. */
function lockHeld(deployment: Deployment, stack: Stack, message: string): UserError {
  const info = (name: string): string => new RegExp(`${name}:[ \\t]+(\\S.*)`).exec(message)?.[1]?.trim() ?? "";
  const [who, operation, since, id] = [info("Who"), info("Operation"), info("Created"), info("ID")];
  const what = operation.replace(/^OperationType/, "").toLowerCase();
  const about = [who && ` by ${who}`, what && ` (${what})`, since && ` since ${since}`].filter(Boolean).join("");
  const unlock = byHand(deployment, stack, "force-unlock", id).text;
  const hint = id
    ? `wait until that run has ended; if you are sure that it is dead: ${unlock}`
    : "wait until that run has ended";
  return new Busy(`the infrastructure is being changed${about}`, hint);
}
