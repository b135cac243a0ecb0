import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HostOutput, Outputs } from "../infra/outputs";
import { holdingSignals, stopIfSignalled } from "./child";
import type { Deployment } from "./deployment";
import { UserError } from "./errors";
import { knownHostName, pinHost, readPins } from "./known-hosts";
import { localNames, readLocalHost, readLocalHostKeys } from "./local-docker";
import { duration, print, say, showStatus } from "./output";
import { runScript } from "./script";
import { InfrastructurePlan, applyInfrastructure, terraformOutputs } from "./terraform";

runScript(async (deployment) => {
  const started = Date.now();
  requireKey(deployment);
  showStatus("planning …");
  const { changes, outputs } = await holdingSignals(() => makeInfrastructure(deployment));
  if (changes.length === 0) return print("nothing to do");
  print(
    `infrastructure is ready in ${duration((Date.now() - started) / 1000)}: ${outputs.hosts.map(login).join(", ")}; next: make provision`,
  );
});

async function makeInfrastructure(deployment: Deployment): Promise<InfrastructurePlan & { readonly outputs: Outputs }> {
  const plan = await applyInfrastructure(
    deployment,
    ({ text }) => say(text),
    (line) => say(`  ${line}`),
  );
  const outputs = await learnOutputs(deployment);
  writeOutputs(deployment, outputs);
  for (const host of outputs.hosts) {
    pin(deployment, host, await learnHostKeys(deployment));
    await waitForSshd(host);
  }
  return { ...plan, outputs };
}

/** A host that nobody can log in to is of no use. */
function requireKey({ operators, paths }: Deployment): void {
  if (operators.length > 0 || existsSync(`${paths.sshKey}.pub`)) return;
  throw new UserError(`there is no SSH key: ${paths.sshKey}.pub`, "run make keypair");
}

const login = ({ user, address, port }: HostOutput): string => `${user}@${address}:${port}`;

/** What the stacks say, and what only the machine that runs the host knows. */
async function learnOutputs(deployment: Deployment): Promise<Outputs> {
  const { hosts } = (await terraformOutputs(deployment)) as { hosts: object[] };
  const local = await readLocalHost(localNames(deployment));
  return Outputs.parse({
    hosts: hosts.map((host) => ({ ...host, privateAddress: local?.privateAddress })),
    dataDevice: null,
  });
}

function writeOutputs({ paths }: Deployment, outputs: Outputs): void {
  mkdirSync(dirname(paths.outputs), { recursive: true });
  writeFileSync(`${paths.outputs}.tmp`, `${JSON.stringify(outputs, null, 2)}\n`);
  renameSync(`${paths.outputs}.tmp`, paths.outputs);
}

const BOOT_SECONDS = 60;

/** Asks until `ask` has an answer; the host may still be booting. */
async function whileBooting<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + BOOT_SECONDS * 1000;
  for (;;) {
    stopIfSignalled();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new UserError(`${what} after ${BOOT_SECONDS} s`, "run make infrastructure again");
    showStatus("waiting for the host to boot …");
    await sleep(100);
  }
}

/** The host's SSH keys, learned past the network that they protect. */
const learnHostKeys = (deployment: Deployment): Promise<string[]> =>
  whileBooting("the host has no SSH host key", async () => {
    const keys = await readLocalHostKeys(localNames(deployment));
    return keys.length > 0 ? keys : undefined;
  });

function pin(deployment: Deployment, host: HostOutput, keys: readonly string[]): void {
  const pinned = readPins(deployment).filter(({ name, id }) => name === knownHostName(host) && id === host.id);
  const known = pinned.map(({ type, key }) => `${type} ${key}`);
  if (known.length === 0) return pinHost(deployment, host, keys);
  if (known.some((key) => keys.includes(key))) return;
  throw new UserError(
    `the SSH host key of ${login(host)} (${host.id}) is not the one that is pinned`,
    `somebody may have replaced it; if you did, delete its line in ${deployment.paths.knownHosts}`,
  );
}

const waitForSshd = (host: HostOutput): Promise<true> =>
  whileBooting(`sshd does not answer on ${host.address}:${host.port}`, async () =>
    (await greets(host)) ? true : undefined,
  );

/** An open port is not enough: Docker accepts connections for a host whose sshd is not there yet. */
const greets = ({ address, port }: HostOutput): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => end(false));
    socket.once("data", (data) => end(data.toString("latin1").startsWith("SSH-")));
    socket.once("close", () => end(false)).once("error", () => end(false));
  });
