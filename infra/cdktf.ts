/** The only file that imports cdktf itself: to move to its fork `cdktn`, change the name here. */
export {
  App,
  DataResource,
  Fn,
  LocalBackend,
  S3Backend,
  TerraformOutput,
  TerraformStack,
  TerraformVariable,
  Testing,
} from "cdktf";
export type { LocalExecProvisioner } from "cdktf";

/** The stacks use `replace_triggered_by`, `terraform_data` and, since 1.10, S3 locks without DynamoDB. */
export const TERRAFORM_VERSION = ">= 1.10.0";

/** Text that Terraform takes literally: it expands `${` and `%{` in every string. */
export const escaped = (text: string): string => text.replace(/[$%](?=\{)/g, (sign) => sign + sign);
