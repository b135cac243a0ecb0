import { stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import type { Wanted } from "../release/wanted";
import { fileText, writeFile } from "./files";

interface FirewallFacts {
  readonly text: string | undefined;
  /** What the kernel has for IPv4, then for IPv6, where it has that: a line each. */
  readonly rules: string;
  readonly isDockerActive: boolean;
}

/** Docker's unit runs it before each start (docker.ts), so no container ever runs without the rule. */
export const FIREWALL = "/usr/local/lib/airflow-deployment/firewall.sh";
const CHAIN = "AIRFLOW-INPUT";

/**
 * Containers cannot open a connection to the host: not to its sshd, not to what somebody starts there one day. Answers to
 * what the host itself asks of them pass, and so does Docker's own name server, which listens inside of the containers.
 */
export const firewall: Step<Wanted, FirewallFacts> = {
  name: "firewall",
  facts: () => ({
    text: fileText(FIREWALL),
    rules: stable(
      sh`for tables in iptables ip6tables; do
  "$tables" -w -S INPUT > /dev/null 2>&1 || continue
  "$tables" -w -S INPUT | grep -m 1 '^-A'; "$tables" -w -S ${CHAIN} 2> /dev/null
  echo .
done`,
      ({ stdout }) => stdout,
    ),
    isDockerActive: stable(sh`systemctl is-active docker.service`, ({ stdout }) => stdout.trim() === "active"),
  }),
  plan(_wanted, { text, rules, isDockerActive }) {
    const actions: Action[] = [];
    if (text !== TEXT) actions.push(writeFile(FIREWALL, TEXT, { found: text }));
    const isThere =
      rules !== "" &&
      rules
        .split(".\n")
        .slice(0, -1)
        .every((found) => found === RULES);
    if (isDockerActive && (text !== TEXT || !isThere)) {
      actions.push({
        summary: "set the firewall between containers and the host",
        command: sh`/bin/sh ${FIREWALL}`,
        detail: "containers reach nothing of the host",
      });
    }
    return actions;
  },
};

/** Docker's bridges: its own, and those of its networks. */
const BRIDGES = ["docker0", "br-+"];

/** As `iptables -S` says them: the first rule of INPUT, and our chain. */
const RULES = `-A INPUT -j ${CHAIN}
-N ${CHAIN}
-A ${CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
${BRIDGES.map((bridge) => `-A ${CHAIN} -i ${bridge} -j DROP\n`).join("")}`;

const TEXT = `#!/bin/sh
# Written by airflow-deployment: containers open no connection to the host. Docker's unit runs it before each start.
set -e
for tables in iptables ip6tables; do
  # A kernel without IPv6 has nothing to keep out there.
  [ "$tables" = iptables ] || "$tables" -w -S INPUT > /dev/null 2>&1 || continue
  "$tables" -w -N ${CHAIN} 2> /dev/null || "$tables" -w -F ${CHAIN}
  "$tables" -w -A ${CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
${BRIDGES.map((bridge) => `  "$tables" -w -A ${CHAIN} -i ${bridge} -j DROP\n`).join("")}\
  while "$tables" -w -D INPUT -j ${CHAIN} 2> /dev/null; do :; done
  "$tables" -w -I INPUT 1 -j ${CHAIN}
done
`;
