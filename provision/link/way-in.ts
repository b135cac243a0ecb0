import type { HostOutput } from "./outputs";
import type { Deployment } from "../deployment/deployment";
import { words } from "../base/words";

/** A program and its arguments, whose input and output lead to the host's sshd. Undefined: a plain TCP connection. */
export type WayIn = readonly string[] | undefined;

/** The way in that all verbs take, `make ssh` included. No shell interprets its words: `make ssh` quotes them. */
export function wayIn(deployment: Deployment, { id, address, port, user }: HostOutput): WayIn {
  if (!deployment.aws) return undefined;
  const { access, proxyCommand, region, profile } = deployment.aws;
  const account = ["--region", region, ...(profile ? ["--profile", profile] : [])];
  switch (access) {
    case "direct":
      return undefined;
    case "ssm":
      return [
        ...["aws", "ssm", "start-session", "--target", id, "--document-name", "AWS-StartSSHSession"],
        ...["--parameters", `portNumber=${port}`, ...account],
      ];
    case "eice":
      return [
        ...["aws", "ec2-instance-connect", "open-tunnel", "--instance-id", id],
        ...["--remote-port", String(port), ...account],
      ];
    case "proxyCommand": {
      const values: Record<string, string> = { h: address, p: String(port), r: user, i: id, "%": "%" };
      return words(proxyCommand!).map((word) => word.replace(/%([hpri%])/g, (_, letter: string) => values[letter]!));
    }
  }
}
