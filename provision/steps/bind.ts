import { UserError } from "../base/errors";
import { stable } from "../change/fact";
import type { Step } from "../change/planning";
import { lines, sh } from "../base/shell";
import { DATA } from "../change/places";

/** A folder of an existing host for all data. */
export interface DataFolder {
  readonly folder: string;
}

interface BindFacts {
  /** Whether something is mounted at /srv/airflow. */
  readonly isMounted: boolean;
  /** A name in /srv/airflow; empty if there is none. */
  readonly entry: string;
  readonly fstab: string;
}

const lineOf = (folder: string): string => `${folder} ${DATA} none bind,x-systemd.requires-mounts-for=${folder} 0 0`;

/** Binds a folder to /srv/airflow, at every boot. As a mount, it is told from an empty folder where data is missing. */
export const bind: Step<DataFolder, BindFacts> = {
  name: "mount",
  facts: () => ({
    isMounted: stable(sh`mountpoint -q ${DATA}`, ({ code }) => code === 0),
    entry: stable(sh`ls -A ${DATA} 2>/dev/null | head -n 1`, ({ stdout }) => stdout.trim()),
    fstab: stable(sh`cat /etc/fstab`, ({ stdout }) => stdout),
  }),
  plan({ folder }, { isMounted, entry, fstab }) {
    const isListed = fstab.split("\n").includes(lineOf(folder));
    if (isMounted && isListed) return [];
    if (isMounted)
      throw new UserError(
        `something is mounted at ${DATA} already, and /etc/fstab of the host does not say that it is ${folder}`,
        "nothing was changed; take data out of hosts in the deployment file to use what is mounted, or unmount it",
      );
    if (entry !== "")
      throw new UserError(
        `${DATA} is not empty (${entry}) and ${folder} is not mounted there: mounting it would hide what is there`,
        "nothing was changed; move away what lies there",
      );
    return [
      {
        summary: `mount ${folder} at ${DATA}`,
        command: lines(
          sh`mkdir -p ${folder} ${DATA}`,
          sh`awk -v at=${DATA} '$2 != at || /^[[:space:]]*#/' /etc/fstab > /etc/fstab.new`,
          sh`echo ${lineOf(folder)} >> /etc/fstab.new`,
          sh`chmod 644 /etc/fstab.new && mv /etc/fstab.new /etc/fstab`,
          sh`[ ! -d /run/systemd/system ] || systemctl daemon-reload`,
          sh`mount ${DATA}`,
        ),
      },
    ];
  },
};
