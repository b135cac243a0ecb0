import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import { awsInfrastructure } from "./aws-infrastructure";
import { existingInfrastructure } from "./existing-infrastructure";
import type { Infrastructure } from "./infrastructure";
import { localInfrastructure } from "./local-infrastructure";

/** The implementation for the place where the deployment's hosts are made. */
export function infrastructureOf(context: Context, deployment: Deployment): Infrastructure {
  if (deployment.infrastructure === "aws") return awsInfrastructure(context, deployment);
  if (deployment.infrastructure === "existing") return existingInfrastructure(context, deployment);
  return localInfrastructure(context, deployment);
}
