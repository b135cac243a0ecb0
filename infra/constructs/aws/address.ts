import { Eip } from "@cdktf/provider-aws/lib/eip";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";

/** The deployment's public address, which stays if the host is made again. */
export const address = (scope: Construct, { name, isProtected }: AwsProps): Eip =>
  new Eip(scope, "address", { domain: "vpc", tags: { Name: name }, lifecycle: { preventDestroy: isProtected } });
