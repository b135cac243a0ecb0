import { Fact, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { DATA } from "../change/places";
import { Wanted } from "../release/wanted";
import { finishInterrupted, install, installedOf, isDpkgBroken } from "./apt";
import { fileText, writeFile } from "./files";
import { FIREWALL } from "./firewall";
import { UPDATES_PACKAGE } from "./updates";

/** Packages by the operating system's ID in /etc/os-release. */
const PACKAGES: Record<string, readonly string[]> = {
  debian: ["docker.io", "docker-cli", "docker-compose", "docker-buildx", "mmdebstrap", "curl"],
  ubuntu: ["docker.io", "docker-compose-v2", "docker-buildx", "mmdebstrap", "curl"],
};
const START = sh`systemctl daemon-reload
systemctl start docker.service`;
const DAEMON = "/etc/docker/daemon.json";
const DROP_IN = "/etc/systemd/system/docker.service.d/airflow.conf";

interface DockerFacts {
  readonly os: string;
  readonly installed: ReadonlySet<string>;
  readonly isDpkgBroken: boolean;
  readonly route: Route;
  readonly daemon: string | undefined;
  readonly dropIn: string | undefined;
  readonly isActive: boolean;
}

interface Route {
  /** MTU of the default route's interface. */
  readonly mtu: number;
  /** Destinations of the routes that are not Docker's own, as CIDRs. */
  readonly taken: readonly string[];
}

/** Installs Docker's engine from the system's own packages; its settings are written before its first start. */
export const docker: Step<Wanted, DockerFacts> = {
  name: "docker",
  facts: () => ({
    os: stable(sh`. /etc/os-release && echo "$ID"`, ({ stdout }) => stdout.trim()),
    installed: installedOf([...new Set(Object.values(PACKAGES).flat()), UPDATES_PACKAGE, "docker-ce"]),
    isDpkgBroken,
    route,
    daemon: fileText(DAEMON),
    dropIn: fileText(DROP_IN),
    isActive: stable(sh`systemctl is-active docker.service`, ({ stdout }) => stdout.trim() === "active"),
  }),
  plan({ deployment }, { os, installed, isDpkgBroken, route, daemon, dropIn, isActive }) {
    // If somebody has installed Docker's own packages (docker-ce), they stay, and only the other packages are added.
    const packages = [...(PACKAGES[os] ?? []), ...(deployment.host.updates === "security" ? [UPDATES_PACKAGE] : [])];
    const missing = packages.filter(
      (name) => !installed.has(name) && !(installed.has("docker-ce") && name.startsWith("docker")),
    );
    const settings = daemonSettings(route, daemon);
    const changed: Action[] = [];
    if (settings !== daemon) changed.push(writeFile(DAEMON, settings, { found: daemon }));
    if (DROP_IN_TEXT !== dropIn) changed.push(writeFile(DROP_IN, DROP_IN_TEXT, { found: dropIn }));
    const actions = [...changed];
    if (isDpkgBroken) actions.push(finishInterrupted);
    // The files are written first, so that the engine starts only once, with the right settings.
    if (missing.length > 0) actions.push(install(missing, START));
    const wasInstalled = installed.has("docker.io") || installed.has("docker-ce");
    if (wasInstalled && changed.length > 0) {
      actions.push({
        summary: "restart docker",
        command: sh`systemctl daemon-reload && systemctl restart docker.service`,
        detail: "its settings changed; containers keep running (live-restore)",
      });
    } else if (wasInstalled && !isActive) {
      actions.push({
        summary: "start docker",
        command: sh`systemctl daemon-reload && systemctl reset-failed docker.service && systemctl enable --now docker.service`,
        detail: "it is not running",
      });
    }
    return actions;
  },
};

const route: Fact<Route> = stable(
  sh`cat "/sys/class/net/$(ip -o route show default | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | head -n 1)/mtu"; ip -o -4 route | grep -Ev ' dev (docker|br-)'`,
  ({ stdout }) => {
    const [mtu, ...routes] = stdout.split("\n");
    return {
      mtu: Number(mtu) || 1500,
      taken: routes.map((line) => line.split(" ")[0]!).filter((net) => /^[\d.]+\/\d+$/.test(net)),
    };
  },
);

/** Address blocks for containers. The first one that overlaps no route of the host is taken, and kept from then on. */
const POOLS = ["10.213.0.0/16", "172.29.0.0/16", "192.168.0.0/16", "10.87.0.0/16"];

function daemonSettings({ mtu, taken }: Route, found: string | undefined): string {
  const kept = POOLS.find((pool) => found?.includes(JSON.stringify(pool)));
  const pool = kept ?? POOLS.find((pool) => !taken.some((net) => overlap(pool, net))) ?? POOLS[0]!;
  const [a, b] = pool.split(".");
  const settings = {
    bip: `${a}.${b}.255.1/24`,
    "default-address-pools": [{ base: pool, size: 24 }],
    mtu,
    "default-network-opts": { bridge: { "com.docker.network.driver.mtu": String(mtu) } },
    "live-restore": true,
    "log-driver": "json-file",
    "log-opts": { "max-size": "20m", "max-file": "3" },
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

export function overlap(a: string, b: string): boolean {
  const [baseA, bitsA] = parseCidr(a);
  const [baseB, bitsB] = parseCidr(b);
  const shift = 32 - Math.min(bitsA, bitsB);
  return Math.floor(baseA / 2 ** shift) === Math.floor(baseB / 2 ** shift);
}

function parseCidr(cidr: string): [number, number] {
  const [address, bits] = cidr.split("/");
  return [address!.split(".").reduce((sum, part) => sum * 256 + Number(part), 0), Number(bits)];
}

/** Docker does not start if the host boots without its data volume. In a container RequiresMountsFor has no effect; the assertion does. */
const DROP_IN_TEXT = `# Written by airflow-deployment: no Airflow without its data.
[Unit]
RequiresMountsFor=${DATA}
AssertPathIsMountPoint=${DATA}

[Service]
ExecStartPre=/bin/sh ${FIREWALL}
`;
