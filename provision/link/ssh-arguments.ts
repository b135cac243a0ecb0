import type { HostOutput } from "./outputs";
import type { Paths } from "../deployment/paths";
import { sh } from "../base/shell";
import type { WayIn } from "./way-in";

/** Arguments for OpenSSH's client, which then accepts only the pinned host key. */
export function sshArguments(
  paths: Paths,
  target: HostOutput,
  hasKey: boolean,
  command?: string,
  way?: WayIn,
): string[] {
  const options = {
    StrictHostKeyChecking: "yes",
    // The path is in quotes because it may hold spaces; a `%` is doubled because it begins a token otherwise.
    UserKnownHostsFile: `"${paths.knownHosts.replaceAll("%", "%%")}"`,
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    ConnectTimeout: "20",
    ServerAliveInterval: "15",
    // Without a key file, ssh takes the key from the agent.
    ...(hasKey && { IdentitiesOnly: "yes" }),
    // ssh replaces tokens in this option and then hands it to a shell.
    ...(way && { ProxyCommand: sh`${way}`.text.replaceAll("%", "%%") }),
  };
  return [
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(hasKey ? ["-i", paths.sshKey] : []),
    ...["-p", String(target.port), `${target.user}@${target.address}`],
    ...(command ? ["--", command] : []),
  ];
}
