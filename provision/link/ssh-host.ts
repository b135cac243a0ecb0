import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, ClientChannel } from "ssh2";
import { HostOutput, loginOf } from "./outputs";
import type { Deployment } from "../deployment/deployment";
import { readCredentials } from "./credentials";
import type { Host, RunOptions } from "./host";
import { pinnedKeys } from "./known-hosts";
import { proxySocket } from "./proxy-socket";
import { LinkLost, NothingListens, TurnedAway, connectError } from "./ssh-errors";
import type { Command, Result } from "../base/shell";
import { wayIn } from "./way-in";

/**
 * Milliseconds: to connect at most; between probes of a silent link (three unanswered ones end it); to try again for if
 * sshd turns this address away, as it does for a while after failed logins.
 */
export interface Times {
  readonly connect: number;
  readonly keepalive: number;
  /** @default 0 */
  readonly patience?: number;
}
const TIMES: Times = { connect: 20_000, keepalive: 15_000, patience: 30_000 };
const PAUSE = 1000;

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
  let link = await openLinkWithPatience(deployment, target, name, times);
  let isClosed = false;
  return {
    name,
    memory: join(deployment.paths.state, `seen-${target.id}`),
    loginKey: link.loginKey,
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
  readonly loginKey: string | undefined;
  end(): void;
}

async function openLinkWithPatience(...args: Parameters<typeof openLink>): Promise<Link> {
  const deadline = Date.now() + (args[3].patience ?? 0);
  for (;;) {
    try {
      return await openLink(...args);
    } catch (error) {
      if (!(error instanceof TurnedAway) || Date.now() > deadline) throw error;
    }
    await sleep(PAUSE);
  }
}

async function openLink(deployment: Deployment, target: HostOutput, name: string, times: Times): Promise<Link> {
  const pinned = pinnedKeys(deployment, target);
  const { acceptedKey, ...credentials } = readCredentials(deployment);
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
  return { client, closed, loginKey: acceptedKey(), end };
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
        ? reject(new NothingListens(`nothing answers on port ${port} of ${name}`, "run make status", { cause: error }))
        : resolve(channel),
    ),
  );
}
