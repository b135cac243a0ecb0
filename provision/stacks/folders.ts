import { join } from "node:path";
import { Command, sh } from "../base/shell";
import type { Deployment } from "../deployment/deployment";
import type { Stack } from "./planned-changes";

/** Where a stack's configuration lies: what Terraform works in. */
export const stackDirectory = ({ paths }: Deployment, stack: Stack): string =>
  join(paths.state, "cdktf.out/stacks", stack);

/** The folder where Terraform keeps what it has installed for a stack. */
export const dataDirectory = ({ paths }: Deployment, stack: Stack): string => join(paths.state, "terraform", stack);

/** The program that is run: `terraform`, or the one that TERRAFORM names, such as OpenTofu's `tofu`. */
export const terraformProgram = (): string => process.env["TERRAFORM"] || "terraform";

/** A line for an operator's own shell, from whatever folder: it meets the state that the verbs meet. */
export const byHand = (deployment: Deployment, stack: Stack, ...words: readonly string[]): Command =>
  sh`TF_DATA_DIR=${dataDirectory(deployment, stack)} ${terraformProgram()} -chdir=${stackDirectory(deployment, stack)} ${words}`;
