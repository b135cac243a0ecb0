import { sh } from "./shell";
import { printable } from "./text";

/** The verbs that act on a deployment. A test compares them with the Makefile. */
export const DEPLOYMENT_VERBS = [
  ...["demo", "keypair", "state-bucket", "plan", "infrastructure", "provision", "dags", "trigger", "airflow", "test"],
  ...["status", "logs", "ui", "password", "ssh", "secrets", "backup", "reboot", "eject", "teardown"],
] as const;

/** The deployment that a verb acts on if DEPLOYMENT names none. */
export const DEFAULT_DEPLOYMENT = "local";

/**
 * A hint with a command in it that can be pasted: the values, which may come from a host or from the author of a DAG, are
 * quoted for a shell. make itself expands nothing in parameters (Makefile).
 */
export const make = (parts: TemplateStringsArray, ...values: readonly string[]): string =>
  sh(parts, ...values.map((value) => printable(value).replaceAll("\n", " "))).text;

const COMMAND = new RegExp(`((?:[A-Z_]+=\\S+ )*)\\bmake (${DEPLOYMENT_VERBS.join("|")})\\b(?!-)`, "g");

/**
 * Completes the commands of a text, so that whoever pastes one acts on this deployment and not on the default one:
 * `make plan` becomes `DEPLOYMENT=staging make plan`. A command that names its deployment stays as it is.
 */
export function pasteable(text: string, deployment: string): string {
  if (deployment === DEFAULT_DEPLOYMENT) return text;
  return text.replace(COMMAND, (command: string, before: string) =>
    before.includes("DEPLOYMENT=") ? command : `DEPLOYMENT=${deployment} ${command}`,
  );
}
