import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { execFileSync, spawn } from "node:child_process";
import { createServer, connect as connectSocket } from "node:net";
import { join } from "node:path";
import type { HostOutput } from "../../provision/link/outputs";
import { pinHost } from "../../provision/link/known-hosts";
import { sh } from "../../provision/base/shell";
import { HostUnreachable, LinkLost } from "../../provision/link/ssh-errors";
import { ConnectedHost, connectHost } from "../../provision/link/ssh-host";
import { errorOf } from "../support/capture";
import { temporaryDeployment } from "../support/deployment";
import { freePort, makeProxy } from "../support/proxy";
import { SshAnswer, SshServer, makeKey, makeSshServer, publicKey } from "../support/recording-ssh-server";

const key = makeKey();
const otherKey = makeKey();
const anotherHostKey = publicKey(makeKey()).split(" ").slice(0, 2).join(" ");
const TIMES = { connect: 2000, keepalive: 100 };

let deployment: Awaited<ReturnType<typeof temporaryDeployment>>;
let server: SshServer;
let answers: Record<string, SshAnswer>;
const open: ConnectedHost[] = [];

const hostAt = (port: number, id = "i-1"): HostOutput => ({
  role: "main",
  id,
  address: "127.0.0.1",
  port,
  user: "ubuntu",
  privateAddress: "127.0.0.1",
});
const useKey = (file: string): void => {
  copyFileSync(file, deployment.paths.sshKey);
  copyFileSync(`${file}.pub`, `${deployment.paths.sshKey}.pub`);
};
async function connect(target = hostAt(server.port)): Promise<ConnectedHost> {
  const host = await connectHost(deployment, target, TIMES);
  open.push(host);
  return host;
}

beforeEach(async () => {
  delete process.env["SSH_AUTH_SOCK"];
  answers = {};
  deployment = await temporaryDeployment();
  server = await makeSshServer(publicKey(key), (command) => answers[command] ?? {});
  useKey(key);
  pinHost(deployment, hostAt(server.port), [server.key]);
});
afterEach(async () => {
  for (const host of open.splice(0)) host.close();
  await server.close();
  rmSync(deployment.root, { recursive: true });
});

describe("a command's result is", () => {
  test.each<[string, SshAnswer, object]>([
    ["its output and exit code", { stdout: "a\n", stderr: "b\n", code: 0 }, { code: 0, stdout: "a\n", stderr: "b\n" }],
    ["a failure without an exception", { code: 7 }, { code: 7 }],
    [
      "a failure where the channel closed without a code",
      { stdout: "all of it", code: "none" },
      { code: -1, stdout: "all of it" },
    ],
  ])("%s", async (_what, answer, result) => {
    answers["work"] = answer;
    expect(await (await connect()).run(sh`work`)).toMatchObject(result);
  });
});

describe("a host whose key is not the pinned one", () => {
  const cases: [what: string, pin: () => void][] = [
    ["another key is pinned", () => pinHost(deployment, hostAt(server.port), [anotherHostKey])],
    [
      "a key of another type is pinned",
      () => pinHost(deployment, hostAt(server.port), ["ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY="]),
    ],
  ];
  test.each(cases)("gets no login and no command: %s", async (_what, pin) => {
    pin();
    const error = await errorOf(connect());
    expect(error.message).toBe(
      `the SSH host key of ubuntu@127.0.0.1:${server.port} is not the pinned one: nothing was sent`,
    );
    expect(error.hint).toMatch(/somebody may be in between/);
    expect(server.events.filter((event) => event !== "connected")).toEqual([]);
  });

  test.each<[string, () => void]>([
    ["nothing is pinned", () => rmSync(deployment.paths.knownHosts)],
    ["another life of the host is pinned", () => pinHost(deployment, hostAt(server.port, "i-0"), [server.key])],
    ["another port is pinned", () => writeFileSync(deployment.paths.knownHosts, `[127.0.0.1]:1 ${server.key} i-1\n`)],
  ])("is not even called: %s", async (_what, unpin) => {
    unpin();
    const error = await errorOf(connect());
    expect(error).toMatchObject({
      message: expect.stringMatching(/^no SSH host key is pinned for/),
      hint: "run make infrastructure",
    });
    expect(server.events).toEqual([]);
  });

  test("is noticed on a new connection after a lost link, too", async () => {
    const host = await connect();
    pinHost(deployment, hostAt(server.port), [anotherHostKey]);
    expect((await errorOf(host.reconnect())).message).toMatch(/is not the pinned one/);
  });
});

describe("a host that does not let the operator in", () => {
  test("refuses a key that it does not know", async () => {
    useKey(otherKey);
    const error = await errorOf(connect());
    expect(error.message).toBe(`ubuntu@127.0.0.1:${server.port} refused the key ${deployment.paths.sshKey}`);
    expect(error).not.toBeInstanceOf(HostUnreachable);
    expect(server.events.some((event) => event.startsWith("exec"))).toBe(false);
  });
  test("is not asked without a key", async () => {
    rmSync(deployment.paths.sshKey);
    expect(await errorOf(connect())).toMatchObject({
      message: expect.stringContaining("cannot read the SSH key"),
      hint: "run make keypair",
    });
    expect(server.events).toEqual([]);
  });
  test.each([
    ["", "Hunter2"],
    ["half", "-----BEGIN OPENSSH PRIVATE KEY-----\nHunter2"],
  ])("is not asked with a damaged key, which is not shown (%s)", async (_what, text) => {
    writeFileSync(deployment.paths.sshKey, text);
    const error = await errorOf(connect());
    expect(error.message).toMatch(/^cannot use the SSH key/);
    expect(error.message + error.hint).not.toContain("Hunter2");
  });
});

describe("a host out of reach", () => {
  test("that refuses the connection is an error at once", async () => {
    const target = hostAt(await freePort());
    pinHost(deployment, target, [server.key]);
    const error = await errorOf(connect(target));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error).toMatchObject({
      message: expect.stringMatching(/^cannot reach ubuntu@127\.0\.0\.1:\d+: .*ECONNREFUSED/),
      hint: expect.stringContaining("make plan"),
    });
  });
  test.each<[string, (socket: import("node:net").Socket) => void]>([
    ["says nothing", () => undefined],
    ["hangs up", (socket) => void socket.end()],
    ["is no SSH server", (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ])("that %s is an error after a while", async (_what, answer) => {
    const silent = createServer((socket) => (socket.on("error", () => undefined), answer(socket)));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const target = hostAt((silent.address() as { port: number }).port);
    pinHost(deployment, target, [server.key]);
    const error = await errorOf(connectHost(deployment, target, { connect: 300, keepalive: 100 }));
    expect(error).toBeInstanceOf(HostUnreachable);
    silent.close();
  });
});

describe("an sshd that hangs up before the handshake, as after failed logins", () => {
  /** Leads to the server, but for the first connections. */
  async function turnsAway(times: number): Promise<{ target: HostOutput; tries: () => number; close: () => void }> {
    let tries = 0;
    const door = createServer((socket) => {
      socket.on("error", () => undefined);
      tries += 1;
      if (tries <= times) return void socket.end("Not allowed at this time\r\n");
      const inside = connectSocket(server.port, "127.0.0.1").on("error", () => undefined);
      socket.pipe(inside).pipe(socket);
    });
    await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    const target = hostAt((door.address() as { port: number }).port);
    pinHost(deployment, target, [server.key]);
    return { target, tries: () => tries, close: () => door.close() };
  }

  test("is asked again for a while", async () => {
    const door = await turnsAway(2);
    const host = await connectHost(deployment, door.target, { ...TIMES, patience: 20_000 });
    open.push(host);
    expect((await host.run(sh`work`)).code).toBe(0);
    expect(door.tries()).toBe(3);
    door.close();
  });
  test("is named where it goes on doing so", async () => {
    const door = await turnsAway(Infinity);
    const error = await errorOf(connectHost(deployment, door.target, { ...TIMES, patience: 1 }));
    expect(error).toBeInstanceOf(HostUnreachable);
    expect(error).toMatchObject({
      message: expect.stringMatching(/hangs up before the handshake: its sshd turns this address away$/),
      hint: expect.stringContaining("PerSourcePenalties"),
    });
    door.close();
  });
});

describe("the key that logged in is known", () => {
  const blob = (file: string): string => publicKey(file).split(" ")[1]!;
  test("where it is a file", async () => {
    expect((await connect()).loginKey).toBe(blob(key));
  });
  test("where it is in an agent, which offers the deployment's own first", async () => {
    const socket = join(deployment.root, "agent");
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const file of [otherKey, makeKey(), makeKey(), key])
      execFileSync("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    process.env["SSH_AUTH_SOCK"] = socket;
    rmSync(deployment.paths.sshKey);
    try {
      expect((await connect()).loginKey).toBe(blob(key));
      // One for the offer, one with the signature.
      expect(server.events.filter((event) => event === "auth publickey")).toHaveLength(2);
    } finally {
      agent.kill();
    }
  });
});

describe("a lost link", () => {
  test("ends a command with an error, and the next connection works", async () => {
    answers["wait"] = { code: "hang" };
    const proxy = await makeProxy(server.port);
    pinHost(deployment, hostAt(proxy.port), [server.key]);
    const host = await connect(hostAt(proxy.port));
    const waiting = errorOf(host.run(sh`wait`));
    setTimeout(() => proxy.cut(), 50);
    expect(await waiting).toBeInstanceOf(LinkLost);
    await host.reconnect();
    expect((await host.run(sh`work`)).code).toBe(0);
    await proxy.close();
  });
  test("that nobody tells of is noticed by keepalive", async () => {
    answers["wait"] = { code: "hang" };
    const proxy = await makeProxy(server.port);
    pinHost(deployment, hostAt(proxy.port), [server.key]);
    const host = await connect(hostAt(proxy.port));
    const waiting = errorOf(host.run(sh`wait`));
    setTimeout(() => proxy.swallow(), 50);
    expect(await waiting).toBeInstanceOf(LinkLost);
    await proxy.close();
  });
});

test("a port that nothing answers on is an error that names it", async () => {
  const error = await errorOf((await connect()).connect(8080));
  expect(error.message).toBe(`nothing answers on port 8080 of ubuntu@127.0.0.1:${server.port}`);
  expect(server.events).toContain("forward 8080");
});

test("pins of other hosts stay when one is pinned anew", async () => {
  pinHost(deployment, hostAt(1), [anotherHostKey]);
  pinHost(deployment, hostAt(1, "i-2"), [server.key]);
  expect((await connect()).name).toBe(`ubuntu@127.0.0.1:${server.port}`);
  expect((await errorOf(connect(hostAt(1)))).message).toMatch(/no SSH host key is pinned/);
});
