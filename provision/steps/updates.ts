import type { Action, Step } from "../change/planning";
import type { Wanted } from "../release/wanted";
import { fileText, writeFile } from "./files";

interface UpdatesFacts {
  readonly apt: string | undefined;
  readonly needrestart: string | undefined;
}

/** Installed with Docker's packages (docker.ts): a first provision asks the archive once. */
export const UPDATES_PACKAGE = "unattended-upgrades";
/** After the package's own 50unattended-upgrades and 20auto-upgrades: the last value counts. */
const APT = "/etc/apt/apt.conf.d/90airflow-deployment";
const NEEDRESTART = "/etc/needrestart/conf.d/airflow-deployment.conf";

/**
 * Security updates of the host's own packages, each night. Docker is left to the operator: its upgrade restarts it, under
 * running tasks. A reboot is the operator's, too; `make status` says when one is due.
 */
export const updates: Step<Wanted, UpdatesFacts> = {
  name: "updates",
  facts: () => ({
    apt: fileText(APT),
    needrestart: fileText(NEEDRESTART),
  }),
  plan({ deployment }, { apt, needrestart }) {
    const actions: Action[] = [];
    const text = deployment.host.updates === "security" ? ON : OFF;
    if (apt !== text) actions.push(writeFile(APT, text, { found: apt }));
    if (needrestart !== KEEP_DOCKER) actions.push(writeFile(NEEDRESTART, KEEP_DOCKER, { found: needrestart }));
    return actions;
  },
};

const OFF = `// Written by airflow-deployment (host.updates: none).
APT::Periodic::Unattended-Upgrade "0";
`;

const ON = `// Written by airflow-deployment (host.updates: security).
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
#clear Unattended-Upgrade::Allowed-Origins;
#clear Unattended-Upgrade::Origins-Pattern;
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=\${distro_codename}-security,label=Debian-Security";
  "origin=Ubuntu,archive=\${distro_codename}-security";
};
Unattended-Upgrade::Package-Blacklist {
  "^docker";
  "^containerd";
  "^runc$";
};
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::MinimalSteps "true";
`;

/** On Ubuntu needrestart restarts what uses a library that was updated. */
const KEEP_DOCKER = `# Written by airflow-deployment: Docker is not restarted under running tasks.
$nrconf{override_rc}{qr(^(docker|containerd))} = 0;
1;
`;
