import { Deployment, parseSettings } from "../../provision/deployment/deployment";
import { pathsOf } from "../../provision/deployment/paths";
import { databaseLoginsOf } from "../../provision/release/database-login";
import { labelOf, makeRelease, secretFilesOf } from "../../provision/release/release";
import type { Secrets } from "../../provision/deployment/secret-names";
import { taskRole } from "../../provision/release/make-wanted";
import { Wanted } from "../../provision/release/wanted";

/** Secrets that are easy to tell apart, and to find in any output that must not hold them. */
export const SECRET_VALUES: Secrets = {
  fernet_key: `${"Hunter2fernet".padEnd(43, "x")}=`,
  jwt_secret: "Hunter2jwt".padEnd(43, "x"),
  api_secret_key: "Hunter2api".padEnd(43, "x"),
  database_password: "Hunter2database".padEnd(32, "x"),
  admin_password: "Hunter2admin",
  label_key: "Hunter2label".padEnd(43, "x"),
};

/** A local deployment with the settings of a YAML text. */
export const deploymentOf = (yaml = ""): Deployment => ({
  ...parseSettings("x.yaml", `infrastructure: local\n${yaml}`),
  name: "local",
  wantsRecovery: false,
  paths: pathsOf("local", "local"),
});

/** What a host should be. */
export function wantedOf(yaml = "", secrets: Secrets = SECRET_VALUES): Wanted {
  const deployment = deploymentOf(yaml);
  const release = makeRelease(deployment, secrets);
  return {
    deployment,
    user: "ubuntu",
    authorizedKeys: ["ssh-ed25519 AAAA ann"],
    loginKey: "AAAA",
    clock: 1_800_000_000,
    release,
    images: release.images,
    caBundle: "-----BEGIN CERTIFICATE-----",
    secretFiles: secretFilesOf(secrets),
    databaseLogins: databaseLoginsOf(secrets),
    adminDigest: labelOf(secrets.label_key, secrets.admin_password),
    identity: { deployment: "local", fernetKey: "f1", databasePassword: "d1" },
    taskRole: taskRole(deployment),
  };
}
