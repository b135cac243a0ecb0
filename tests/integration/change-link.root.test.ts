import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { compileChange, newChangeId, standingChecks } from "../../provision/change/compile";
import type { Host } from "../../provision/link/host";
import { changeHost, planHost } from "../../provision/change/change-host";
import type { Action } from "../../provision/change/planning";
import { runChange } from "../../provision/change/run";
import { LinkLost } from "../../provision/link/ssh-errors";
import { ConnectedHost } from "../../provision/link/ssh-host";
import { errorOf, listen, until } from "../support/capture";
import { startClient } from "../support/client";
import { ANN, act, change, step } from "../support/plans";
import { Proxy, makeProxy } from "../support/proxy";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";
import { context } from "../support/context";

jest.setTimeout(90_000);

let machine: SystemdHost;
let host: ConnectedHost;
let proxy: Proxy;

beforeAll(async () => {
  machine = await makeSystemdHost();
  host = await machine.connect();
});
afterAll(() => {
  host?.close();
  machine?.remove();
});
beforeEach(async () => {
  root("rm -rf /root/*");
  proxy = await makeProxy(machine.target.port);
});
afterEach(async () => {
  // One test's change must not refuse the next one's.
  root("systemctl stop airflow-change 2>/dev/null || true");
  await proxy.close();
});

const root = (script: string): string => machine.root(script).trimEnd();
const far = (times?: { connect: number; keepalive: number }) => machine.connect(machine.via(proxy.port), times);
const wait = "touch /root/began; until [ -e /root/go ]; do sleep 0.05; done";
const go = (): void => void root("touch /root/go");
const hasBegun = (): Promise<void> => until(() => root("ls /root").includes("began"), 60);
/** The client knows that its change has started, and follows. */
const isFollowed = (): Promise<void> => until(() => root("pgrep -x tail || true") !== "", 60);
const isOver = (): Promise<void> => until(() => root("systemctl is-active airflow-change || true") === "inactive");
const leftovers = (): string =>
  root("ls -A /run/airflow-change 2>/dev/null || true; ls -d /srv/airflow/.incoming-* 2>/dev/null || true");
const nextVerb = async (): Promise<string> => (await listen(() => planHost(context, host, [], undefined))).said;
const files = [
  { path: "a", content: "x".repeat(700) },
  { path: "b/c", content: "y" },
];
const uploading = act("make it", 'touch /root/touched; mv /srv/airflow/.incoming-"$CHANGE"/dags /root/dags', {
  upload: { name: "dags", files },
  stdin: "some input",
});
const plan = (on: Host, ...actions: Action[]) => planHost(context, on, [step(actions)], undefined);

describe("an upload", () => {
  /** A host that reads only so much of the upload, and takes it for all there is. */
  const cutting = (bytes: number): Host => ({
    ...host,
    run: async (command, options) =>
      host.run(
        command,
        options?.stdin instanceof Readable
          ? { ...options, stdin: (await buffer(options.stdin)).subarray(0, bytes) }
          : options,
      ),
  });

  test("that ends early, at any member's boundary or elsewhere, starts nothing and leaves nothing", async () => {
    const found = await plan(host, uploading);
    const sizes: number[] = [];
    const measuring: Host = {
      ...host,
      run: async (_command, options) => {
        sizes.push((await buffer(options!.stdin as Readable)).length);
        return { code: 1, stdout: "", stderr: "" };
      },
    };
    await errorOf(changeHost(context, measuring, found, ANN));
    // The last two blocks of 512 bytes are the archive's end mark.
    const boundaries = Array.from({ length: sizes[0]! / 512 - 2 }, (_, i) => i * 512);
    expect(boundaries.length).toBeGreaterThan(20);
    for (const bytes of [1, 511, 700, 5000, ...boundaries]) {
      const { error } = await listen(() => changeHost(context, cutting(bytes), found, ANN));
      expect([bytes, error?.message]).toEqual([bytes, expect.stringContaining("nothing was changed")]);
    }
    expect(root("ls /root")).toBe("");
    expect(leftovers()).toBe("");
    // And the same upload, whole, does its work.
    await listen(() => changeHost(context, host, found, ANN));
    expect(root("cat /root/dags/b/c")).toBe("y");
  });

  test("whose link breaks changes nothing, and the client knows after it has connected again", async () => {
    const found = await plan(host, uploading);
    for (const bytes of [1, 2000, 9000]) {
      const link = await far();
      proxy.cutAfter(proxy.sent() + bytes);
      const { error, said } = await listen(() => changeHost(context, link, found, ANN));
      link.close();
      expect(said).toMatch(/lost the connection to \S+: the change may not have started; connecting again/);
      expect(error?.message).toMatch(/lost during the upload: nothing was changed/);
    }
    await until(() => leftovers() === "");
    expect(root("ls /root")).toBe("");
  });

  test("that arrived whole is followed where only the answer was lost", async () => {
    const found = await plan(host, uploading);
    let isFirst = true;
    const losing: Host = {
      ...host,
      run: async (command, options) => {
        const result = await host.run(command, options);
        if (!isFirst) return result;
        isFirst = false;
        throw new LinkLost(host.name);
      },
    };
    const { error, said } = await listen(() => changeHost(context, losing, found, ANN));
    expect(error).toBeUndefined();
    expect(said).toContain("made it");
    expect(root("ls /root/dags")).toBe("a\nb");
  });

  test("is followed, too, where the link is lost before the unit has started", async () => {
    root(`cat > /usr/local/sbin/systemd-run <<'SH'
#!/bin/sh
touch /root/starting; until [ -e /root/go ]; do sleep 0.05; done
exec /usr/bin/systemd-run "$@"
SH
chmod +x /usr/local/sbin/systemd-run`);
    const found = await plan(host, uploading);
    const losing: Host = {
      ...host,
      run: async (command, options) => {
        if (!(options?.stdin instanceof Readable)) return host.run(command, options);
        host.run(command, options).catch(() => undefined);
        await until(() => root("ls /root") === "starting");
        setTimeout(go, 2000);
        throw new LinkLost(host.name);
      },
      // The first connection must live on here.
      reconnect: async () => undefined,
    };
    const { error, said } = await listen(() => changeHost(context, losing, found, ANN));
    root("rm /usr/local/sbin/systemd-run");
    expect([error, said]).toEqual([undefined, expect.stringContaining("made it")]);
    expect(root("ls /root/dags")).toBe("a\nb");
    expect(await nextVerb()).toBe("");
  });

  test("with one wrong byte starts nothing and leaves nothing", async () => {
    const found = await plan(host, uploading);
    const flipping: Host = {
      ...host,
      run: async (command, options) => {
        if (!(options?.stdin instanceof Readable)) return host.run(command, options);
        const whole = await buffer(options.stdin);
        whole[whole.indexOf("xxxxxx")]! ^= 1;
        return host.run(command, { stdin: whole });
      },
    };
    const { error } = await listen(() => changeHost(context, flipping, found, ANN));
    expect(error?.message).toMatch(/nothing was changed: the upload is incomplete$/);
    expect(leftovers()).toBe("");
    expect(root("ls /root")).toBe("");
  });

  test("that a client has given up does not start, not even where it had just been found whole", async () => {
    // A slow check: it says that it is done before it ends.
    root(`cat > /usr/local/sbin/sha256sum <<'SH'
#!/bin/sh
/usr/bin/sha256sum "$@"; code=$?
case $* in *strict*manifest) touch /root/checked; until [ -e /root/go ]; do sleep 0.05; done ;; esac
exit $code
SH
chmod +x /usr/local/sbin/sha256sum`);
    const found = await plan(host, uploading);
    let late: Promise<{ code: number; stderr: string }> | undefined;
    const losing: Host = {
      ...host,
      run: async (command, options) => {
        if (!(options?.stdin instanceof Readable)) return host.run(command, options);
        late = host.run(command, options);
        await until(() => root("ls /root") === "checked");
        throw new LinkLost(host.name);
      },
      // The first connection must live on here.
      reconnect: async () => undefined,
    };
    const error = await errorOf(changeHost(context, losing, found, ANN));
    go();
    const answer = await late!;
    root("rm /usr/local/sbin/sha256sum");
    expect(error.message).toMatch(/nothing was changed/);
    expect(answer).toMatchObject({ code: 1, stderr: expect.stringContaining("the client has given up this change") });
    expect(leftovers()).toBe("");
    expect(root("ls /root")).toBe("checked\ngo");
  });

  test("that a client has given up does not start when its rest arrives after all", async () => {
    const found = await plan(host, uploading);
    let rest: () => void = () => undefined;
    let late: Promise<unknown> = Promise.resolve();
    const stalling: Host = {
      ...host,
      run: async (command, options) => {
        if (!(options?.stdin instanceof Readable)) return host.run(command, options);
        const whole = await buffer(options.stdin);
        const stdin = new Readable({ read: () => undefined });
        stdin.push(whole.subarray(0, 3000));
        rest = () => (stdin.push(whole.subarray(3000)), stdin.push(null));
        late = host.run(command, { stdin });
        await until(() => leftovers() !== "");
        throw new LinkLost(host.name);
      },
      // The first connection must live on here.
      reconnect: async () => undefined,
    };
    const error = await errorOf(changeHost(context, stalling, found, ANN));
    expect(error.message).toMatch(/nothing was changed/);
    rest();
    expect(await late).toMatchObject({ code: 1 });
    expect(leftovers()).toBe("");
    expect(root("ls /root")).toBe("");
  });
});

describe("a link that breaks during a change", () => {
  const numbers = Array.from({ length: 400 }, (_, i) => `    line ${i + 1}`);
  const counting = act("make it", "for i in $(seq 400); do echo line $i; sleep 0.005; done");

  test("is made anew: the whole log arrives, without a gap or a repeat", async () => {
    machine.via(proxy.port);
    const client = startClient(machine, [counting], { PORT: String(proxy.port), VERBOSE: "1" });
    for (const line of ["line 20\n", "line 150\n", "line 260\n"]) {
      await until(() => client.said().includes(line), 60);
      proxy.cut();
    }
    expect(await client.ended).toBe(0);
    const lines = client.said().split("\n");
    expect(lines.filter((line) => line.startsWith("    line"))).toEqual(numbers);
    expect(lines.filter((line) => line.startsWith("lost the connection")).length).toBeGreaterThanOrEqual(1);
  });

  test("for good ends the client with exit code 1, not the change; the next verb says how it ended", async () => {
    const link = await far();
    const { plan: actions, standing } = await plan(link, act("make it", wait), act("write it", "exit 5"));
    const compiled = compileChange(actions, standingChecks(standing), ANN, newChangeId(new Date()), new Date());
    const ended = listen(() => runChange(context, link, compiled, 1000));
    await hasBegun();
    await isFollowed();
    proxy.shut();
    const { error } = await ended;
    link.close();
    expect(error).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/still cannot reach .*; the change goes on there if the host is up$/),
    });
    go();
    await isOver();
    expect(await nextVerb()).toMatch(
      /^the previous change \(provision by ann@laptop since .*\) failed at "write it"\n$/,
    );
  });

  test("in silence is noticed by keepalive", async () => {
    const link = await far({ connect: 5_000, keepalive: 500 });
    const { plan: actions, standing } = await plan(link, act("make it", wait));
    const compiled = compileChange(actions, standingChecks(standing), ANN, newChangeId(new Date()), new Date());
    const ended = listen(() => runChange(context, link, compiled, 1000));
    await hasBegun();
    await isFollowed();
    proxy.swallow();
    expect((await ended).error?.message).toMatch(/still cannot reach /);
    link.close();
    go();
    await isOver();
    expect(await nextVerb()).toMatch(/ended well\n$/);
  });

  test("while facts are read ends the verb", async () => {
    const link = await far({ connect: 5_000, keepalive: 500 });
    proxy.swallow();
    expect((await errorOf(plan(link))).message).toMatch(/^lost the connection to /);
    link.close();
  });
});

describe("a client", () => {
  const both = [act("make a", wait), act("make b", "touch /root/second")];

  test("that is killed does not matter: the change ends, and the next verb says how", async () => {
    const client = startClient(machine, both);
    await hasBegun();
    client.process.kill("SIGKILL");
    expect(await client.ended).toBe("SIGKILL");
    go();
    await isOver();
    expect(root("ls /root")).toBe("began\ngo\nsecond");
    expect(await nextVerb()).toMatch(/^the previous change \(provision by ann@laptop since \S+Z\) ended well\n$/);
    expect(await nextVerb()).toBe("");
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "that gets %s once stops the change between two actions: 130",
    async (signal) => {
      const client = startClient(machine, both);
      await hasBegun();
      client.process.kill(signal);
      await until(() => root("ls /run/airflow-outcomes/*/stop 2>/dev/null | tail -n 1") !== "");
      go();
      expect(await client.ended).toBe(130);
      expect(client.said()).toMatch(
        /stopping after the current action; press Ctrl-C again to stop following\n.*error: stopped before "make b"\n/s,
      );
      expect(root("ls /root")).toBe("began\ngo");
      expect(await nextVerb()).toBe("");
      root("rm /run/airflow-outcomes/*/stop");
    },
  );

  test("that gets it twice stops following at once: 130; the change goes on", async () => {
    const client = startClient(machine, both);
    await hasBegun();
    client.process.kill("SIGINT");
    await until(() => client.said().includes("stopping"));
    client.process.kill("SIGINT");
    expect(await client.ended).toBe(130);
    expect(client.said()).toMatch(
      /error: no longer following: provision by ann@laptop since \S+Z ends after the current action\n/,
    );
    expect(client.said()).not.toContain("lost the connection");
    expect(root("systemctl is-active airflow-change")).toBe("active");
    go();
    await isOver();
    expect(await nextVerb()).toMatch(/was stopped before "make b"\n$/);
  });

  test("gets the whole log of a change that is over at once", async () => {
    const client = startClient(machine, [act("make it", "seq 3000")], { VERBOSE: "1" });
    expect(await client.ended).toBe(0);
    expect(
      client
        .said()
        .match(/^ {4}\d+$/gm)
        ?.map(Number),
    ).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1));
  });

  test("that finds another change running ends with 75", async () => {
    const first = startClient(machine, both);
    await hasBegun();
    const second = startClient(machine, both);
    expect(await second.ended).toBe(75);
    expect(second.said()).toMatch(/error: another change is running on the host: provision by ann@laptop since/);
    go();
    expect(await first.ended).toBe(0);
  });
});

describe("a secret in an action's input", () => {
  // This search is read from standard input: its words are in no command line but grep's own.
  const search = `set +e
for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
  { tr '\\0' '\\n' < $file | grep -v grep | grep -q Hunter2; } 2> /dev/null && echo $file
done
systemctl show airflow-change | grep Hunter2
journalctl --no-pager 2> /dev/null | grep Hunter2
grep -rl Hunter2 /var /root /srv /tmp /etc /home /run 2> /dev/null
true`;

  test("is in no command line, environment, unit, log, record or journal, and gone afterwards", async () => {
    const stdin = "Hunter2-is-a-secret";
    const ended = listen(() => change(host, act("write the secret x", `${wait}; cat > /dev/null`, { stdin })));
    await hasBegun();
    const during = root(search);
    go();
    await ended;
    expect(during).toMatch(/^\/run\/airflow-change\/[^/]+\/inputs\/000$/);
    expect(root(search)).toBe("");
    expect(leftovers()).toBe("");
  });
});
