import type { HostOutput } from "./outputs";
import type { Paths } from "../deployment/paths";
import { sh } from "../base/shell";
import type { WayIn } from "./way-in";

/** OpenSSH's own client, bound to the pinned host key and the deployment's key. Pure. */
export function sshArguments(
  paths: Paths,
  target: HostOutput,
  hasKey: boolean,
  command?: string,
  way?: WayIn,
): string[] {
  const options = {
    StrictHostKeyChecking: "yes",
    // Quotes: a path may hold spaces; % begins a token.
    UserKnownHostsFile: `"${paths.knownHosts.replaceAll("%", "%%")}"`,
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    ConnectTimeout: "20",
    ServerAliveInterval: "15",
    // Without a key file the key is in the agent.
    ...(hasKey && { IdentitiesOnly: "yes" }),
    // ssh gives this one to a shell, after having looked for tokens.
    ...(way && { ProxyCommand: sh`${way}`.text.replaceAll("%", "%%") }),
  };
  return [
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...(hasKey ? ["-i", paths.sshKey] : []),
    ...["-p", String(target.port), `${target.user}@${target.address}`],
    ...(command ? ["--", command] : []),
  ];
}
