import { existsSync, readFileSync } from "node:fs";
import { UserError } from "../base/errors";
import type { Deployment } from "./deployment";

/**
 * Public SSH keys that may log in to a deployment's hosts, one line each: the operators' or, without any, the key that
 * `make keypair` made. One rule for a host's first boot and for provisioning.
 * @throws UserError if the operator of this machine would be locked out
 */
export function authorizedKeys({ name, operators, paths }: Deployment): string[] {
  const file = `${paths.sshKey}.pub`;
  const own = existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
  if (operators.length === 0) return own ? [own] : [];
  const keys = operators.map(({ ssh }) => ssh.trim());
  const blob = (key: string): string => key.split(" ")[1] ?? "";
  if (own && !keys.some((key) => blob(key) === blob(own))) {
    throw new UserError(
      "your own SSH key is not among `operators`: you would lock yourself out",
      `add the line of ${file} to deployments/${name}.yaml`,
    );
  }
  return keys;
}
