/** The only import of cdktf: a move to its fork `cdktn` is a rename here. */
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

/** `replace_triggered_by`, `terraform_data` and S3 locks without DynamoDB: the newest that any stack needs. */
export const TERRAFORM_VERSION = ">= 1.10.0";

/** Terraform expands `${` and `%{` in every string. */
export const escaped = (text: string): string => text.replace(/[$%](?=\{)/g, (sign) => sign + sign);
