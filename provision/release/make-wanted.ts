import { readFileSync } from "node:fs";
import type { HostOutput } from "../link/outputs";
import { hostRoleName, roleArn } from "../deployment/aws-settings";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";
import { authorizedKeys } from "../deployment/operators";
import { databaseLoginsOf } from "./database-login";
import { labelOf, makeRelease, operatorSecretsOf, secretFilesOf } from "./release";
import { Secrets, fingerprint } from "../deployment/secret-names";
import { readTemplate } from "./templates";
import type { Identity, TaskRole, Wanted } from "./wanted";

/** Everything that a host should be, from the deployment file, the secrets, templates/ and the CA bundle. @param loginKey as in Wanted */
export function prepare(deployment: Deployment, secrets: Secrets, host: HostOutput, loginKey?: string): Wanted {
  const operatorSecrets = operatorSecretsOf(deployment.airflow);
  const missing = operatorSecrets.filter((name) => secrets[name] === undefined);
  if (missing.length > 0) {
    throw new UserError(
      `airflow.secrets names what is not among the secrets: ${missing.join(", ")}`,
      `add it with make secrets, or take it out of deployments/${deployment.name}.yaml`,
    );
  }
  const release = makeRelease(deployment, secrets);
  return {
    deployment,
    user: host.user,
    authorizedKeys: authorizedKeys(deployment),
    loginKey,
    clock: Date.now() / 1000,
    release,
    images: release.images,
    caBundle: caBundle(deployment),
    secretFiles: secretFilesOf(secrets, operatorSecrets),
    databaseLogins: databaseLoginsOf(secrets),
    adminDigest: labelOf(secrets.label_key, secrets.admin_password),
    identity: identityOf(deployment, secrets),
    taskRole: taskRole(deployment),
  };
}

/** Says which deployment's data a host has, and with which secrets it was written. */
export const identityOf = ({ name }: Deployment, secrets: Secrets): Identity => ({
  deployment: name,
  fernetKey: fingerprint("fernet_key", secrets.fernet_key),
  databasePassword: fingerprint("database_password", secrets.database_password),
});

export function taskRole({ name, aws }: Deployment): TaskRole | undefined {
  if (!aws?.taskRole) return undefined;
  return {
    arn: aws.taskRole,
    region: aws.region,
    session: `airflow-${name}`,
    trust: roleArn(aws.account, hostRoleName(name)),
    script: readTemplate("aws/host.py"),
  };
}

function caBundle({ name, build }: Deployment): string | undefined {
  const file = build.caBundle ?? process.env["SSL_CERT_FILE"];
  if (!file) return undefined;
  const text = textOf(file);
  if (text === undefined) {
    throw new UserError(
      `cannot read the CA bundle ${file}`,
      build.caBundle
        ? `see build.caBundle in deployments/${name}.yaml`
        : "the environment variable SSL_CERT_FILE names it",
    );
  }
  if (!/^-----BEGIN CERTIFICATE-----$/m.test(text) || text.includes("PRIVATE KEY-----"))
    throw new UserError(
      `the CA bundle ${file} is no PEM file of certificates alone`,
      "-----BEGIN CERTIFICATE----- and so on, and no key",
    );
  return text;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
