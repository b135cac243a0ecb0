import { execFileSync, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostOutput } from "../../provision/link/outputs";
import { Deployment } from "../../provision/deployment/deployment";
import { pinHost } from "../../provision/link/known-hosts";
import { localNames } from "../../provision/local/local-docker";
import { ROOT } from "../../provision/deployment/paths";
import { ConnectedHost, connectHost } from "../../provision/link/ssh-host";
import { temporaryDeployment } from "./deployment";
import { freePort } from "./proxy";

/** A bare host for one test, with systemd, sshd and sudo, but without Docker. The scripts that Terraform runs make it. */
export interface SystemdHost {
  readonly deployment: Deployment;
  readonly target: HostOutput;
  /** AIRFLOW_STATE for a client that is a process of its own. */
  readonly state: string;
  /** Runs a script as root, without SSH. @throws Error if it fails */
  root(script: string): string;
  /** Pins the host's key for another port of 127.0.0.1, too, and returns the host with that port. */
  via(port: number): HostOutput;
  connect(target?: HostOutput, times?: { connect: number; keepalive: number }): Promise<ConnectedHost>;
  reboot(): Promise<void>;
  remove(): void;
}

export async function makeSystemdHost(): Promise<SystemdHost> {
  const deployment = await temporaryDeployment();
  const { paths } = deployment;
  const names = localNames(deployment);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", paths.sshKey]);
  const port = await freePort();
  const env = {
    ...process.env,
    DEPLOYMENT: "test",
    NAME: names.host,
    INSTANCE: "i-test",
    VOLUME: names.dataVolume,
    DATA_VOLUME: names.dataVolume,
    ENGINE_VOLUME: names.engineVolume,
    PORT: String(port),
    AUTHORIZED_KEYS: execFileSync("cat", [`${paths.sshKey}.pub`], { encoding: "utf8" }).trim(),
    MIRROR: "",
  };
  const script = (name: string, more = {}): void =>
    void execFileSync("sh", [join(ROOT, "infra/local", name)], { env: { ...env, ...more }, stdio: "pipe" });
  const root = (text: string): string =>
    execFileSync("docker", ["exec", "-i", names.host, "sh", "-e"], { input: text, encoding: "utf8", stdio: "pipe" });
  const target: HostOutput = {
    role: "main",
    id: "i-test",
    address: "127.0.0.1",
    port,
    user: "ubuntu",
    privateAddress: "127.0.0.1",
  };
  const remove = (): void => {
    script("destroy-host.sh", { INSTANCE: "" });
    script("destroy-volume.sh", { DELETE_DATA: "1", INSTANCE: "i-test" });
    rmSync(deployment.root, { recursive: true, force: true });
  };
  const via = (port: number): HostOutput => {
    const key = root("cat /etc/ssh/ssh_host_ed25519_key.pub").split(" ").slice(0, 2).join(" ");
    pinHost(deployment, { ...target, port }, [key]);
    return { ...target, port };
  };
  const booted = async (): Promise<void> => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const test = "systemctl is-active --quiet ssh.service && test -e /etc/ssh/ssh_host_ed25519_key.pub";
      const { status } = spawnSync("docker", ["exec", names.host, "sh", "-c", test]);
      if (status === 0) return;
      if (Date.now() > deadline) throw new Error("the host does not boot");
      await sleep(100);
    }
  };
  try {
    script("create-volume.sh");
    script("create-host.sh");
    await booted();
    via(port);
    writeFileSync(paths.outputs, JSON.stringify({ hosts: [target], dataDevice: null }));
  } catch (error) {
    remove();
    throw error;
  }
  return {
    deployment,
    target,
    state: deployment.root,
    root,
    via,
    connect: (to = target, times) => connectHost(deployment, to, times),
    reboot: async () => {
      execFileSync("docker", ["restart", names.host], { stdio: "pipe" });
      await booted();
    },
    remove,
  };
}
