import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";
import { LocalBackend, S3Backend, TERRAFORM_VERSION, TerraformStack } from "../../cdktf";

/** What both stacks have: where the state is, the account, and tags that help to find what a deployment has made. */
export class AwsStack extends TerraformStack {
  constructor(scope: Construct, id: "data" | "host", props: AwsProps) {
    super(scope, id);
    const { deployment, name, account, region, profile, state } = props;
    this.addOverride("terraform.required_version", TERRAFORM_VERSION);
    if (state.kind === "s3") {
      new S3Backend(this, {
        bucket: state.bucket,
        key: `${deployment}/${id}.tfstate`,
        region,
        encrypt: true,
        ...(profile && { profile }),
      });
      this.addOverride("terraform.backend.s3.use_lockfile", true);
      this.addOverride("terraform.backend.s3.allowed_account_ids", [account]);
    } else {
      new LocalBackend(this, { path: `${state.directory}/${id}.tfstate` });
    }
    new AwsProvider(this, "aws", {
      region,
      ...(profile && { profile }),
      allowedAccountIds: [account],
      defaultTags: [{ tags: { Project: name, Stack: id, ManagedBy: "terraform" } }],
    });
  }
}
