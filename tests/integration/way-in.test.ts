import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostOutput } from "../../provision/link/outputs";
import { Deployment, parseSettings } from "../../provision/deployment/deployment";
import { pinHost } from "../../provision/link/known-hosts";
import { sh } from "../../provision/base/shell";
import { sshArguments } from "../../provision/link/ssh-arguments";
import { HostUnreachable } from "../../provision/link/ssh-errors";
import { ConnectedHost, connectHost } from "../../provision/link/ssh-host";
import { PatientLink } from "../../provision/change/patient-link";
import { openTunnel } from "../../provision/link/tunnel";
import { waitForHost } from "../../provision/link/wait-for-host";
import { wayIn } from "../../provision/link/way-in";
import { errorOf, until } from "../support/capture";
import { freePort } from "../support/proxy";
import { SshServer, startSshServer } from "../support/ssh-server";
import { context } from "../support/context";

// A path with a space, as people have them.
const root = mkdtempSync(join(tmpdir(), "way in-"));
const PROXY = join(__dirname, "../support/stdio-proxy.cjs");
const keyFile = (name: string): string => join(root, name);
const server: { now?: SshServer } = {};
let hostKey: string;

beforeAll(() => {
  for (const name of ["client", "server"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", keyFile(name)]);
  }
  hostKey = readFileSync(keyFile("server"), "utf8");
});
afterEach(async () => {
  await server.now?.close();
  delete server.now;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A deployment on EC2 whose way in is this command. */
function through(proxyCommand: string): Deployment {
  const aws = { account: "123456789012", region: "eu-central-1", access: "proxyCommand", proxyCommand };
  const settings = parseSettings("x.yaml", JSON.stringify({ infrastructure: "aws", aws }));
  const paths = { state: root, sshKey: keyFile("client"), knownHosts: join(root, "known_hosts") } as any;
  return { ...settings, name: "far", wantsRecovery: false, paths } as Deployment;
}

const target = (port: number): HostOutput => ({
  role: "main",
  id: "i-0123",
  address: "127.0.0.1",
  port,
  user: "ubuntu",
  privateAddress: "10.20.0.10",
});

async function serve(options: { port?: number; bootingFor?: number } = {}): Promise<HostOutput> {
  server.now = await startSshServer(hostKey, options);
  return target(server.now.port);
}

function pin(deployment: Deployment, host: HostOutput): void {
  const key = readFileSync(keyFile("server.pub"), "utf8").split(" ").slice(0, 2).join(" ");
  pinHost(deployment, host, [key]);
}

const isAlive = (file: string): boolean => existsSync(`/proc/${readFileSync(file, "utf8")}`);

test("a command goes through the program, which ends with the connection", async () => {
  const pid = join(root, "pid");
  const deployment = through(`node ${sh`${PROXY}`.text} %h %p ${sh`${pid}`.text}`);
  const host = await serve();
  pin(deployment, host);
  const connected = await connectHost(deployment, host);
  expect(await connected.run(sh`echo ${"a b"}`)).toMatchObject({ code: 0, stdout: "echo 'a b'" });
  expect(isAlive(pid)).toBe(true);
  await connected.reconnect();
  expect((await connected.run(sh`true`)).code).toBe(0);
  connected.close();
  await until(() => !isAlive(pid));
});

test("a program that does not end by itself is ended with what it started", async () => {
  const pid = join(root, "stubborn");
  const script = `trap '' TERM; node ${sh`${PROXY}`.text} %h %p ${sh`${pid}`.text}; sleep 1000`;
  const deployment = through(`sh -c ${sh`${script}`.text}`);
  const host = await serve();
  pin(deployment, host);
  const connected = await connectHost(deployment, host);
  const { stdout } = spawnSync("ps", ["-o", "ppid=", "-p", readFileSync(pid, "utf8")], { encoding: "utf8" });
  connected.close();
  await until(() => !existsSync(`/proc/${stdout.trim()}`));
});

test.each([
  ["node", `node ${sh`${PROXY}`.text} 127.0.0.1 1`, /through node: bastion: connect ECONNREFUSED/],
  ["a program that is not there", "no-such-program %h", /through no-such-program: spawn no-such-program ENOENT/],
  ["a program that ends at once", `sh -c "echo not logged in >&2; exit 255"`, /through sh: not logged in$/],
])("what went wrong in %s is in the error", async (_name, command, message) => {
  const deployment = through(command);
  const host = target(22);
  pin(deployment, host);
  const error = await errorOf(connectHost(deployment, host));
  expect(error).toBeInstanceOf(HostUnreachable);
  expect(error.message).toMatch(message);
});

test("no shell reads the command, nor what is put into it", async () => {
  const spy = join(root, "spy");
  const deployment = through(`node -e "process.stderr.write(process.argv[1])" "%h;touch x" $(touch y)`);
  const host = { ...target(22), address: `x'"$(touch\t${spy})`.replace(/\s/g, "") };
  expect(wayIn(deployment, host)).toEqual([
    "node",
    "-e",
    "process.stderr.write(process.argv[1])",
    `${host.address};touch x`,
    "$(touch",
    "y)",
  ]);
  pinHost(deployment, host, [readFileSync(keyFile("server.pub"), "utf8").split(" ").slice(0, 2).join(" ")]);
  const error = await errorOf(connectHost(deployment, { ...host, id: host.id }));
  expect(error.message).toContain(`through node: x'"$(touch`);
  expect(existsSync(spy)).toBe(false);
});

describe("a program that ends in the middle, as AWS ends a tunnel after an hour", () => {
  const pid = join(root, "hourly");
  const endIt = async () => {
    const ended = Number(readFileSync(pid, "utf8"));
    process.kill(ended, "SIGTERM");
    await until(() => !existsSync(`/proc/${ended}`));
  };
  let ui: Server;
  let connected: ConnectedHost;
  beforeAll(async () => {
    ui = createServer((_, response) => response.end("Airflow"));
    await new Promise<void>((resolve) => ui.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => void ui.close());
  beforeEach(async () => {
    const deployment = through(`node ${sh`${PROXY}`.text} %h %p ${sh`${pid}`.text}`);
    const host = await serve();
    pin(deployment, host);
    connected = await connectHost(deployment, host);
  });
  afterEach(() => connected.close());

  test("is begun again by the next page of make ui", async () => {
    const said: string[] = [];
    const tunnel = await openTunnel(connected, 0, (ui.address() as AddressInfo).port, (text) => said.push(text));
    const page = async () =>
      (await fetch(`http://127.0.0.1:${tunnel.port}/`, { headers: { connection: "close" } })).text();
    expect(await page()).toBe("Airflow");
    for (const _ of ["once", "twice"]) {
      await endIt();
      expect(await page()).toBe("Airflow");
    }
    tunnel.close();
    expect(said).toEqual([]);
  });

  test("is begun again by a verb that follows a change, which hears the answer", async () => {
    const watch = { isOver: () => false, repeat: () => undefined };
    const link = new PatientLink(connected, 5000, watch, context.screen);
    let asked = 0;
    const answer = await link.ask(async () => {
      if (asked++ === 0) await endIt();
      return connected.run(sh`echo ${"still there"}`);
    });
    expect({ asked, answer }).toMatchObject({ asked: 2, answer: { code: 0, stdout: "echo 'still there'" } });
  });
});

test("the system's ssh takes the same way", async () => {
  const spy = join(root, "spied");
  const deployment = through(`node ${sh`${PROXY}`.text} %h %p ${sh`${join(root, "it's 100%% $HOME")}`.text}`);
  const host = await serve();
  pin(deployment, host);
  const way = wayIn(deployment, host);
  const args = sshArguments(deployment.paths, host, deployment.paths.sshKey, "hello", way);
  const child = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile("ssh", ["-o", "BatchMode=yes", ...args], (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, stdout, stderr }),
    );
  });
  expect(child).toEqual({ code: 0, stdout: "hello", stderr: "" });
  expect(existsSync(join(root, "it's 100% $HOME"))).toBe(true);
  expect(existsSync(spy)).toBe(false);
});

test("a host that boots is waited for: first no port, then sshd that lets nobody in, then the login", async () => {
  const port = await freePort();
  const deployment = through(`node ${sh`${PROXY}`.text} %h %p`);
  pin(deployment, target(port));
  const wait = waitForHost(context, deployment, target(port), 20);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await serve({ port, bootingFor: 2 });
  await wait;
  expect(server.now!.logins()).toBe(3);
});

test("waiting ends: with a deadline, and at once where time will not help", async () => {
  const deployment = through(`node ${sh`${PROXY}`.text} %h %p`);
  const dead = target(await freePort());
  pin(deployment, dead);
  expect((await errorOf(waitForHost(context, deployment, dead, 0.3))).message).toMatch(
    /^cannot reach .* ECONNREFUSED.* \(tried for /,
  );
  const host = await serve();
  pinHost(deployment, host, [readFileSync(keyFile("client.pub"), "utf8").split(" ").slice(0, 2).join(" ")]);
  expect((await errorOf(waitForHost(context, deployment, host, 20))).message).toMatch(/is not the pinned one/);
});
