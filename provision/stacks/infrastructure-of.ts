import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import { awsInfrastructure } from "./aws-infrastructure";
import type { Infrastructure } from "./infrastructure";
import { localInfrastructure } from "./local-infrastructure";

/** The implementation for the place where the deployment's hosts are made. */
export const infrastructureOf = (context: Context, deployment: Deployment): Infrastructure =>
  deployment.infrastructure === "aws"
    ? awsInfrastructure(context, deployment)
    : localInfrastructure(context, deployment);
