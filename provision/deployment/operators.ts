import { existsSync, readFileSync } from "node:fs";
import { UserError } from "../base/errors";
import type { Deployment } from "./deployment";

/**
 * The public SSH keys that may log in to a deployment's hosts, one line each: those of the operators, with their names, or,
 * if none are listed, the one that `make keypair` made. A host's first boot and provisioning both use this list.
 * @throws UserError if the operator of this machine would be locked out
 */
export function authorizedKeys({ name, operators, paths }: Deployment): string[] {
  const file = `${paths.sshKey}.pub`;
  const own = existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
  if (operators.length === 0) return own ? [own] : [];
  const keys = operators.map(({ ssh, name }) => [...ssh.trim().split(" ").slice(0, 2), name].join(" "));
  const blob = (key: string): string => key.split(" ")[1] ?? "";
  if (own && !keys.some((key) => blob(key) === blob(own))) {
    throw new UserError(
      "your own SSH key is not among `operators`: you would lock yourself out",
      `add the line of ${file} to deployments/${name}.yaml`,
    );
  }
  return keys;
}
