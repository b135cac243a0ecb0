import { TASKS_STOP_SECONDS } from "../deployment/aws-settings";
import { stable } from "../change/fact";
import type { Step } from "../change/planning";
import { sh } from "../base/shell";
import { CURRENT, Wanted } from "../release/wanted";
import { DATA } from "../change/places";
import { compose } from "./compose";
import { fileText, writeFile } from "./files";

interface ShutdownFacts {
  readonly unit: string | undefined;
  readonly isEnabled: boolean;
}

/** Seconds that services get beyond the time for running tasks. */
const SPARE = 120;

const UNIT = "airflow-drain.service";
const FILE = `/etc/systemd/system/${UNIT}`;

/**
 * Lets running tasks end before the host goes down, even if somebody shuts it down by hand. With live-restore Docker does
 * not stop containers then: after 90 s all of them would be killed at once.
 */
export const shutdown: Step<Wanted, ShutdownFacts> = {
  name: "shutdown",
  facts: () => ({
    unit: fileText(FILE),
    isEnabled: stable(
      sh`systemctl is-enabled ${UNIT}; systemctl is-active ${UNIT}`,
      ({ stdout }) => stdout === "enabled\nactive\n",
    ),
  }),
  plan({ deployment }, { unit, isEnabled }) {
    const { drain } = deployment.airflow;
    const text = unitText(deployment.aws ? Math.min(drain + SPARE, TASKS_STOP_SECONDS) : drain + SPARE);
    if (text === unit && isEnabled) return [];
    return [
      ...(text === unit ? [] : [writeFile(FILE, text, { found: unit })]),
      {
        summary: `start ${UNIT}`,
        // The unit must never be restarted: when it stops, it stops Airflow.
        command: sh`systemctl daemon-reload && systemctl enable --quiet --now ${UNIT}`,
        detail: "it stops Airflow in order when the host goes down",
      },
    ];
  },
};

/** systemd stops units in the reverse order of After=: this one before Docker. At the next boot `restart: always` starts the containers. */
const unitText = (limit: number): string => `# Written by airflow-deployment.
[Unit]
Description=Let Airflow's tasks end before the host goes down
After=docker.service network-online.target
RequiresMountsFor=${DATA}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=-/usr/bin/${compose(`${CURRENT}/compose.yaml`).text} stop
TimeoutStopSec=${limit}

[Install]
WantedBy=multi-user.target
`;
