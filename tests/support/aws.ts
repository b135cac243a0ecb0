import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AwsOptions, AwsProps, awsProps } from "../../infra/aws-props";
import { App } from "../../infra/cdktf";
import { AwsDataStack } from "../../infra/stacks/aws-data";
import { AwsHostStack } from "../../infra/stacks/aws-host";
import { AwsDeployment, parseSettings } from "../../provision/deployment/deployment";
import { pathsOf } from "../../provision/deployment/paths";

/** Two operators with the same example keys. */
export const ADA = {
  name: "ada",
  ssh: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1C ada@laptop",
  age: "age140ychxfpwqw22204v8xc8zpmug77ptvnlvwfher33wer5cy6nurs7wtp5j",
};
export const BOB = { ...ADA, name: "bob" };

export const ACCOUNT = "123456789012";
export const REGION = "eu-central-1";

type Operator = typeof ADA & { readonly cidrs?: readonly string[] };
const FROM_HOME: readonly Operator[] = [{ ...ADA, cidrs: ["203.0.113.7/32"] }];

/** A deployment on AWS whose files are all under `root`. */
export function awsDeployment(
  root: string,
  aws: Record<string, unknown> = {},
  operators: readonly Operator[] = aws["access"] ? [ADA] : FROM_HOME,
  name = "production",
): AwsDeployment {
  const file = { infrastructure: "aws", operators, aws: { account: ACCOUNT, region: REGION, ...aws } };
  const settings = parseSettings("x.yaml", JSON.stringify(file));
  if (settings.infrastructure !== "aws") throw new Error("not on AWS");
  const state = join(root, name);
  const paths = { ...pathsOf(name, "aws"), state, outputs: join(state, "outputs.json"), terraformState: root };
  return { ...settings, name, wantsRecovery: false, paths };
}

export type Stacks = Record<"data" | "host", any>;

/** Terraform's configuration of a deployment, written to its folder and read back. */
export function synthesize(deployment: AwsDeployment, options?: AwsOptions): Stacks {
  return synthesizeProps(awsProps(deployment, options), join(deployment.paths.state, "cdktf.out"));
}

export function synthesizeProps(props: AwsProps, outdir: string): Stacks {
  mkdirSync(outdir, { recursive: true });
  const app = new App({ outdir });
  new AwsDataStack(app, props);
  new AwsHostStack(app, props);
  app.synth();
  const read = (stack: string) => JSON.parse(readFileSync(join(outdir, "stacks", stack, "cdk.tf.json"), "utf8"));
  return { data: read("data"), host: read("host") };
}
