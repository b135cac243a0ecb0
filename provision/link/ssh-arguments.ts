import type { HostOutput } from "./outputs";
import type { Paths } from "../deployment/paths";
import { sh } from "../base/shell";
import type { WayIn } from "./way-in";

/**
 * Arguments for OpenSSH's client, which then accepts only the pinned host key, as every other verb does. Nothing of
 * ~/.ssh/config counts: an agent that is forwarded there, or a proxy, is not what the deployment file says.
 * @param identity the key file, or its public half if the private one is in ssh-agent; undefined: any key of the agent
 */
export function sshArguments(
  paths: Paths,
  target: HostOutput,
  identity: string | undefined,
  command?: string,
  way?: WayIn,
): string[] {
  const options = {
    StrictHostKeyChecking: "yes",
    // The path is in quotes because it may hold spaces; a `%` is doubled because it begins a token otherwise.
    UserKnownHostsFile: `"${paths.knownHosts.replaceAll("%", "%%")}"`,
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    VerifyHostKeyDNS: "no",
    ForwardAgent: "no",
    ConnectTimeout: "20",
    ServerAliveInterval: "15",
    // Without a key file, ssh takes the key from the agent.
    ...(identity && { IdentitiesOnly: "yes" }),
    // ssh replaces tokens in this option and then hands it to a shell.
    ...(way && { ProxyCommand: sh`${way}`.text.replaceAll("%", "%%") }),
  };
  return [
    ...["-F", "/dev/null"],
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(identity ? ["-i", identity] : []),
    ...["-p", String(target.port), `${target.user}@${target.address}`],
    ...(command ? ["--", command] : []),
  ];
}
