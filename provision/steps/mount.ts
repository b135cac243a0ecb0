import { UserError } from "../base/errors";
import { Fact, stable } from "../change/fact";
import type { Result } from "../base/shell";
import { size } from "../base/text";
import type { Action, Step } from "../change/planning";
import { Command, lines, sh } from "../base/shell";
import { DATA } from "../change/places";

/** The data volume of a host whose infrastructure does not mount it: EC2's `vol-0123456789abcdef0`, or a path in /dev. */
export type DataDevice = { readonly volumeId: string } | { readonly device: string };

const nameOf = (wanted: DataDevice): string => ("device" in wanted ? wanted.device : wanted.volumeId);

export interface MountFacts {
  /** The kernel's name of the volume; empty if it is not attached. */
  readonly device: string;
  /** What `blkid --probe` finds on it, by key; empty if it finds nothing. */
  readonly found: ReadonlyMap<string, string>;
  /** The device that is mounted at /srv/airflow; empty if there is none. */
  readonly mounted: string;
  /** A name in /srv/airflow; empty if there is none. */
  readonly entry: string;
  readonly fstab: string;
  /** Bytes. */
  readonly deviceSize: number;
  /** Bytes; 0 if there is no ext4 filesystem. */
  readonly filesystemSize: number;
}

/** The kernel names NVMe devices in any order, but the link with their serial number holds the volume's id. */
export const devicePath = (wanted: DataDevice): string =>
  "device" in wanted
    ? wanted.device
    : `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${wanted.volumeId.replace("-", "")}`;

/** Percent of the volume. */
const RESERVED = 2;
/** Of the user that Postgres runs as in its image. */
const POSTGRES_UID = 999;
const OPTIONS = "defaults,nofail,x-systemd.device-timeout=30s";

/** Mounts the data volume at /srv/airflow. It is a change of its own, because all other facts are read from that volume. */
export const mount: Step<DataDevice, MountFacts> = {
  name: "mount",
  facts: (wanted) => {
    const path = devicePath(wanted);
    const text = (command: Command): Fact<string> => stable(command, ({ stdout }) => stdout.trim());
    const number = (command: Command): Fact<number> => stable(command, ({ stdout }) => Number(stdout.trim() || 0));
    return {
      device: text(sh`[ ! -b ${path} ] || readlink -f ${path}`),
      found: stable(sh`blkid --probe --output export ${path}`, parseBlkid),
      mounted: text(sh`findmnt --noheadings --output SOURCE --mountpoint ${DATA}`),
      entry: text(sh`ls -A ${DATA} 2>/dev/null | head -n 1`),
      fstab: stable(sh`cat /etc/fstab`, ({ stdout }) => stdout),
      deviceSize: number(sh`blockdev --getsize64 ${path} 2>/dev/null`),
      filesystemSize: number(
        sh`dumpe2fs -h ${path} 2>/dev/null | awk '/^Block count:/ {n = $3} /^Block size:/ {s = $3} END {printf "%.0f", n * s}'`,
      ),
    };
  },
  plan(wanted, facts) {
    const problem = problemOf(wanted, facts);
    if (problem) throw problem;
    const { device, found, mounted, fstab, deviceSize, filesystemSize } = facts;
    const path = devicePath(wanted);
    const actions: Action[] = [];
    if (found.size === 0) actions.push(format(path, `${nameOf(wanted)}, ${size(deviceSize)}, ${device}: it is empty`));
    if (mounted === "" || !isListed(fstab, found.get("UUID"))) actions.push(mountAt(path, mounted !== ""));
    // The volume was made larger. Differences up to 16 MiB are not worth a resize.
    if (found.size > 0 && deviceSize - filesystemSize > 16 * 1024 ** 2) {
      const detail = `${size(filesystemSize)} → ${size(deviceSize)}`;
      actions.push({ summary: `let the filesystem fill ${nameOf(wanted)}`, command: sh`resize2fs ${path}`, detail });
    }
    return actions;
  },
};

function problemOf(wanted: DataDevice, { device, found, mounted, entry }: MountFacts): UserError | undefined {
  const volumeId = nameOf(wanted);
  if (device === "") {
    return new UserError(
      `the data volume ${volumeId} is not attached to this host`,
      "device" in wanted ? "attach it, or correct hosts[].data" : "run make infrastructure",
    );
  }
  if (mounted !== "" && mounted !== device) {
    return new UserError(
      `${mounted} is mounted at ${DATA}, not the data volume ${volumeId} (${device})`,
      "nothing was changed; unmount it and take it out of /etc/fstab",
    );
  }
  const kind = found.get("TYPE") ?? (found.has("PTTYPE") ? `a ${found.get("PTTYPE")} partition table` : "something");
  if (found.size > 0 && kind !== "ext4") {
    return new UserError(
      `the data volume ${volumeId} holds ${kind}, not the ext4 that provisioning makes`,
      "nothing was changed; is it another deployment's volume? only an empty volume is formatted",
    );
  }
  if (mounted === "" && entry !== "") {
    return new UserError(
      `${DATA} is not empty (${entry}) and the data volume is not mounted: mounting it would hide what is there`,
      `nothing was changed; move away what lies there on the root disk`,
    );
  }
  return undefined;
}

/**
 * Checks again that the volume is empty: somebody may have made a filesystem since the plan. Root and Postgres' user have a
 * reserve that tasks and their logs cannot fill.
 */
const format = (path: string, detail: string): Action => ({
  summary: "make an ext4 filesystem on the data volume",
  detail,
  command: lines(
    sh`code=0; blkid --probe ${path} > /dev/null || code=$?`,
    sh`[ $code -eq 2 ] || { echo ${"the data volume is not empty any more"} >&2; exit 1; }`,
    sh`mkfs.ext4 -q -m ${RESERVED} -L airflow-data ${path}`,
    sh`tune2fs -u ${POSTGRES_UID} ${path} > /dev/null`,
  ),
});

const mountAt = (path: string, isMounted: boolean): Action => ({
  summary: isMounted ? `mount the data volume at every boot` : `mount the data volume at ${DATA}`,
  command: lines(
    sh`uuid=$(blkid --probe --match-tag UUID --output value ${path})`,
    sh`[ -n "$uuid" ]`,
    sh`mkdir -p ${DATA}`,
    sh`awk -v at=${DATA} '$2 != at || /^[[:space:]]*#/' /etc/fstab > /etc/fstab.new`,
    sh`echo "UUID=$uuid ${DATA} ext4 ${OPTIONS} 0 2" >> /etc/fstab.new`,
    sh`chmod 644 /etc/fstab.new && mv /etc/fstab.new /etc/fstab`,
    sh`[ ! -d /run/systemd/system ] || systemctl daemon-reload`,
    ...(isMounted ? [] : [sh`mount ${DATA}`]),
  ),
});

const isListed = (fstab: string, uuid: string | undefined): boolean =>
  fstab.split("\n").some((line) => {
    const [source, at, type, options] = line.trim().split(/\s+/);
    return uuid !== undefined && source === `UUID=${uuid}` && at === DATA && type === "ext4" && options === OPTIONS;
  });

/** Parses lines of `KEY=value`. Exit code 2 means that the disk is empty; any other failure does not prove that. */
function parseBlkid({ code, stdout }: Result): Map<string, string> {
  const found = new Map([...stdout.matchAll(/^(?!DEVNAME)(\w+)=(.*)$/gm)].map(([, key, value]) => [key!, value!]));
  return found.size > 0 || code === 2 ? found : new Map([["TYPE", "something that blkid cannot read"]]);
}
