import { readFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Client, ClientChannel, utils } from "ssh2";
import { HostOutput, loginOf } from "./outputs";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";
import type { Host, RunOptions } from "./host";
import { pinnedKeys } from "./known-hosts";
import { proxySocket } from "./proxy-socket";
import type { Command, Result } from "../base/shell";
import { wayIn } from "./way-in";

/** The connection to the host was lost. It is unknown what the command did. */
export class LinkLost extends UserError {
  constructor(name: string, cause?: Error) {
    super(`lost the connection to ${name}`, "run the same verb again", { cause });
  }
}

/** Milliseconds: to connect at most, and between probes of a silent link (three unanswered ones end it). */
const TIMES = { connect: 20_000, keepalive: 15_000 };

/** Connects with the pinned host key, hands the host to `use`, and always disconnects afterwards. */
export async function withHost<T>(
  deployment: Deployment,
  target: HostOutput,
  use: (host: Host) => Promise<T>,
): Promise<T> {
  const host = await connectHost(deployment, target);
  try {
    return await use(host);
  } finally {
    host.close();
  }
}

export interface ConnectedHost extends Host {
  close(): void;
}

/** Connects to a host. @throws UserError if it cannot be reached, is not the pinned one, or does not accept the key */
export async function connectHost(deployment: Deployment, target: HostOutput, times = TIMES): Promise<ConnectedHost> {
  const name = loginOf(target);
  let link = await openLink(deployment, target, name, times);
  let isClosed = false;
  return {
    name,
    memory: join(deployment.paths.state, `seen-${target.id}`),
    run: (command, options) => orLost(name, run(link, name, command, options)),
    connect: (port) => orLost(name, forward(link.client, name, port)),
    reconnect: async () => {
      link.end();
      link = await openLink(deployment, target, name, times);
      if (isClosed) link.end();
    },
    close: () => {
      isClosed = true;
      link.end();
    },
  };
}

/** ssh2 throws an error of its own if the link was lost before the call. */
const orLost = <T>(name: string, work: Promise<T>): Promise<T> =>
  work.catch((error: Error) => {
    throw error.message === "Not connected" ? new LinkLost(name, error) : error;
  });

interface Link {
  readonly client: Client;
  readonly closed: Promise<void>;
  end(): void;
}

async function openLink(deployment: Deployment, target: HostOutput, name: string, times: typeof TIMES): Promise<Link> {
  const pinned = pinnedKeys(deployment, target);
  const credentials = readCredentials(deployment);
  const client = new Client();
  let refusedKey = false;
  let banner = "";
  const closed = new Promise<void>((resolve) => client.once("close", resolve));
  const way = wayIn(deployment, target);
  const proxy = way && proxySocket(way);
  void closed.then(() => proxy?.end());

  await new Promise<void>((resolve, reject) => {
    const fail = async (cause: Error): Promise<void> => {
      const said = (await proxy?.lastWords()) ?? "";
      proxy?.end();
      reject(connectError(name, deployment, { refusedKey, said, banner, program: way?.[0] }, cause));
    };
    client
      .once("ready", resolve)
      .on("banner", (text) => (banner += text))
      // `on`, not `once`: a second error follows a timeout, and an error without a listener ends the process.
      .on("error", fail)
      .once("close", () => fail(new Error("the connection was closed")))
      .connect({
        // Without TCP_NODELAY an exec takes 46 ms instead of 4.
        sock: proxy?.socket ?? connectSocket({ host: target.address, port: target.port, noDelay: true }),
        username: target.user,
        ...credentials,
        algorithms: { serverHostKey: pinned.map(({ type }) => type) as never },
        hostVerifier: (key: Buffer) => {
          refusedKey = !pinned.some((known) => known.key.equals(key));
          return !refusedKey;
        },
        readyTimeout: times.connect,
        keepaliveInterval: times.keepalive,
        keepaliveCountMax: 3,
      });
  });
  const end = (): void => {
    client.end();
    // A proxy program ends when its input ends; if it does not, it is stopped after a second.
    if (proxy) setTimeout(proxy.end, 1000).unref();
  };
  return { client, closed, end };
}

function run({ client, closed }: Link, name: string, command: Command, options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new LinkLost(name));
    void closed.then(lost);
    client.exec(command.text, (error, channel) => {
      if (error) return reject(new LinkLost(name, error));
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      let exitCode: number | null = null;
      if (options.stdout) channel.pipe(options.stdout, { end: false });
      else channel.on("data", (chunk: Buffer) => stdout.push(chunk));
      if (options.stderr) channel.stderr.pipe(options.stderr, { end: false });
      else channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
      channel.on("exit", (code: number | null) => (exitCode = code));
      channel.on("error", lost);
      channel.on("close", () => {
        // A lost link closes the channel first and the client a moment later. So if there is no exit code, wait for
        // a second: if the client closes, too, the link was lost.
        const result = {
          code: exitCode ?? -1,
          stdout: Buffer.concat(stdout).toString(),
          stderr: Buffer.concat(stderr).toString(),
        };
        if (exitCode !== null) resolve(result);
        else setTimeout(() => resolve(result), 1000).unref();
      });
      feed(channel, options.stdin);
    });
  });
}

/** A command may end without reading all of its input: it is not an error if the rest cannot be written. */
function feed(channel: ClientChannel, stdin: RunOptions["stdin"]): void {
  if (stdin === undefined || typeof stdin === "string" || Buffer.isBuffer(stdin)) channel.end(stdin);
  else pipeline(stdin, channel).catch(() => channel.end());
}

function forward(client: Client, name: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) =>
    client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, (error, channel) =>
      error
        ? reject(new UserError(`nothing answers on port ${port} of ${name}`, "run make status", { cause: error }))
        : resolve(channel),
    ),
  );
}

function readCredentials(deployment: Deployment): { privateKey?: Buffer; agent?: string } {
  const agent = process.env["SSH_AUTH_SOCK"] ? { agent: process.env["SSH_AUTH_SOCK"] } : {};
  let privateKey: Buffer;
  try {
    privateKey = readFileSync(deployment.paths.sshKey);
  } catch (cause) {
    if (agent.agent) return agent;
    throw new UserError(
      `cannot read the SSH key ${deployment.paths.sshKey}: ${(cause as Error).message}`,
      "run make keypair",
      { cause },
    );
  }
  const parsed = utils.parseKey(privateKey);
  if (!(parsed instanceof Error)) return { privateKey, ...agent };
  if (agent.agent) return agent;
  throw new UserError(
    `cannot use the SSH key ${deployment.paths.sshKey}: ${parsed.message}`,
    `if it has a passphrase, load it into ssh-agent: ssh-add ${deployment.paths.sshKey}`,
  );
}

interface Circumstances {
  readonly refusedKey: boolean;
  /** The text that sshd sent before the login. */
  readonly banner: string;
  /** The proxy program, and what it wrote to standard error. */
  readonly program: string | undefined;
  readonly said: string;
}

/** What pam_nologin says while systemd has not finished booting. */
const BOOTING = /System is booting up|not permitted to log in yet/i;

function connectError(
  name: string,
  deployment: Deployment,
  { refusedKey, banner, program, said }: Circumstances,
  cause: Error & { level?: string; code?: string },
): UserError {
  if (BOOTING.test(banner)) {
    return new HostUnreachable(`${name} is still booting`, "wait a minute, then run the same verb again", { cause });
  }
  if (refusedKey || /no matching host key/i.test(cause.message)) {
    return new UserError(
      `the SSH host key of ${name} is not the pinned one: nothing was sent`,
      `somebody may be in between; if you replaced the host, run make infrastructure (pinned keys: ${deployment.paths.knownHosts})`,
      { cause },
    );
  }
  if (cause.level === "client-authentication") {
    return new UserError(
      `${name} refused the key ${deployment.paths.sshKey}`,
      "is it this deployment's key? AIRFLOW_SSH_KEY names another one; `operators` lists who may log in",
      { cause },
    );
  }
  if (/no matching key exchange/i.test(cause.message)) {
    return new UserError(
      `${name} allows no key exchange that this client knows (post-quantum only?)`,
      "allow curve25519-sha256 in its sshd_config",
      { cause },
    );
  }
  if (program) {
    return new HostUnreachable(
      `cannot reach ${name} through ${program}: ${said || cause.message}`,
      "check aws.access in the deployment file: it chooses the way in",
      { cause },
    );
  }
  return new HostUnreachable(
    `cannot reach ${name}: ${cause.message}`,
    "is the host running, and does its firewall let your address in? run make plan",
    { cause },
  );
}

/** There is no connection, for a reason that may pass: it is worth another try while the host boots. */
export class HostUnreachable extends UserError {}
