import { compileChange, standingChecks } from "../../provision/change/compile";
import { Busy, Interrupted } from "../../provision/base/errors";
import { ENVIRONMENT } from "../../provision/change/root";
import { live, stable } from "../../provision/change/fact";
import { readRaw } from "../../provision/change/read-facts";
import { changeHost, planHost } from "../../provision/change/change-host";
import { hostClock } from "../../provision/change/host-clock";
import { runChange } from "../../provision/change/run";
import { Command, sh } from "../../provision/base/shell";
import type { ConnectedHost } from "../../provision/link/ssh-host";
import { errorOf, listen, until } from "../support/capture";
import type { Step } from "../../provision/change/planning";
import { ANN, act, change, step } from "../support/plans";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";
import { context } from "../support/context";

const RECORDS = "/var/lib/airflow-deployment/changes";

let machine: SystemdHost;
let host: ConnectedHost;

beforeAll(async () => {
  machine = await makeSystemdHost();
  host = await machine.connect();
}, 120_000);
afterAll(() => {
  host?.close();
  machine?.remove();
}, 60_000);
beforeEach(() => void machine.root("rm -rf /root/*"));
// Whatever a test is about: it leaves no upload, no unit and no facts behind.
afterEach(() => {
  expect(leftovers()).toBe("");
});

const root = (script: string): string => machine.root(script).trimEnd();
const leftovers = (): string =>
  root(
    `ls -A /run/airflow-change 2>/dev/null || true; ls -d /run/airflow-facts.* /srv/airflow/.incoming-* ${RECORDS}/.newest-* 2>/dev/null || true; systemctl is-active airflow-change || true`,
  ).replace(/^(inactive|unknown)$/m, "");
const newest = (): string => root(`cat ${RECORDS}/newest`);
const said = async (work: () => Promise<unknown>): Promise<string> => (await listen(work)).said;
const doing = (...commands: string[]) => commands.map((command, i) => act(`make ${i}`, command));
const did = (...commands: string[]) => listen(() => change(host, ...doing(...commands)));
const plan = (...commands: string[]) => planHost(context, host, [step(doing(...commands))], undefined);

/** A change that waits in its first action until it is let go. */
async function waiting(): Promise<{ ended: ReturnType<typeof did>; go: () => void }> {
  const ended = did("touch /root/began; until [ -e /root/go ]; do sleep 0.05; done", "touch /root/second");
  await until(() => root("ls /root") === "began");
  return { ended, go: () => void root("touch /root/go") };
}

test("a state that cannot be read in time is an error that names what hangs, and nothing of it goes on", async () => {
  const fact = (command: string) => live(new Command(command), ({ stdout }) => stdout);
  const error = await errorOf(
    readRaw(host, [fact("echo quick"), fact("sleep 4711"), fact("cat /nowhere")], { limit: 2 }),
  );
  expect(error.message).toBe(`the state of ${host.name} cannot be read in 2 s; what does not end there: sleep 4711`);
  expect(root("pgrep -f '[s]leep 4711' || true")).toBe("");
});

test("the state of a host is read once it has settled: not while its Docker comes up", async () => {
  const unit = "/run/systemd/system/docker.service";
  root(`printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/sleep 3\\n' > ${unit}
systemctl daemon-reload && systemctl start --no-block docker.service`);
  expect(root("systemctl is-active docker.service || true")).toBe("activating");
  const found: string[] = [];
  let clock = Infinity;
  const looking: Step<undefined, { docker: string; theirs: number }> = {
    name: "looking",
    facts: () => ({
      docker: stable(sh`systemctl is-active docker.service`, ({ stdout }) => stdout),
      theirs: hostClock,
    }),
    plan: (_wanted, { docker, theirs }) => (found.push(docker), (clock = theirs), []),
  };
  await planHost(context, host, [looking], undefined);
  // Else its clock would seem to be wrong by the time that this takes.
  expect(clock).toBeLessThan(Number(root('date +%s -d "$(systemctl show -p ActiveEnterTimestamp --value docker)"')));
  root(`systemctl stop docker.service; rm ${unit}; systemctl daemon-reload`);
  expect(found).toEqual(["active\n"]);
});

describe("a change", () => {
  test("runs its actions in order, with their input, and says what it did in the past tense", async () => {
    const actions = [act("write a", "cat > /root/a", { stdin: "hello" }), act("make b", "cp /root/a /root/b; cat")];
    expect(await said(() => change(host, ...actions))).toBe("  wrote a\n  made b\n");
    expect(root("cat /root/b")).toBe("hello");
  });

  test("is recorded on both disks: who, what, log and outcome", async () => {
    await did("echo some words");
    const record = `${RECORDS}/${newest()}`;
    expect(JSON.parse(root(`cat ${record}/about.json`))).toMatchObject({ ...ANN, id: newest(), actions: ["make 0"] });
    expect(root(`cat ${record}/outcome`)).toBe("EXIT_CODE=exited EXIT_STATUS=0");
    expect(root(`cat ${record}/log`)).toMatch(/^::\S+:start 000\nsome words\n::\S+:end 000 0\n::\S+:done$/);
    expect(root(`diff -r ${record} /srv/airflow/changes/${newest()}`)).toBe("");
  });

  test("stops at the first action that fails; the error has its last lines", async () => {
    const { error } = await did("touch /root/first", "seq 1 30; false; touch /root/inside", "touch /root/last");
    expect(error?.message).toMatch(/^"make 1" failed on ubuntu@127.0.0.1:\d+:\n {2}11\n {2}12\n.*\n {2}30$/s);
    expect(error?.exitCode).toBe(1);
    expect(error?.hint).toMatch(
      /^what was done before it stays \(the last: made 0\); mend the cause and run the same verb/,
    );
    expect(root("ls /root")).toBe("first");
    expect(root(`cat /srv/airflow/changes/${newest()}/outcome`)).toBe("EXIT_CODE=exited EXIT_STATUS=1");
  });

  test("that fails may say itself what to do", async () => {
    const { error } = await did("echo 'the disk is gone'; echo 'hint: attach it'; false");
    expect(error).toMatchObject({
      message: expect.stringMatching(/failed on \S+:\n {2}the disk is gone$/),
      hint: "attach it",
    });
  });

  test("fails where its last command does not end with a newline, too", async () => {
    const { error } = await did("printf 'no newline'; exit 7");
    expect(error?.message).toMatch(/^"make 0" failed on \S+:\n {2}no newline$/);
    expect(error?.hint).toMatch(/^nothing else was touched; mend the cause/);
  });

  test("runs in the environment that facts are read in, and depends on no other unit", async () => {
    await did("env > /root/env; systemctl show -p Requires,After,BindsTo,PartOf,Wants airflow-change > /root/unit");
    expect(root("cat /root/env").split("\n")).toEqual(expect.arrayContaining([...ENVIRONMENT]));
    expect(root("cat /root/unit")).not.toMatch(/docker|srv/);
  });

  test("puts uploads beside their target, with their modes, whatever this machine's umask", async () => {
    const files = [
      { path: "a b/c.py", content: "x" },
      { path: "run", content: Buffer.from([0, 255]), mode: 0o755 },
    ];
    const move = act("unpack it", 'mv /srv/airflow/.incoming-"$CHANGE"/dags /srv/airflow/x', {
      upload: { name: "dags", files },
    });
    await said(() => change(host, move));
    expect(
      root("cd /srv/airflow/x; stat -c '%n %a %U' . 'a b' 'a b/c.py' run; od -An -tx1 run; rm -r /srv/airflow/x"),
    ).toBe(". 755 root\na b 755 root\na b/c.py 644 root\nrun 755 root\n 00 ff");
    expect(root("stat -c %a /srv/airflow")).toBe("755");
  });
});

describe("a second change", () => {
  test("is refused with 75 and the holder's name, before it plans", async () => {
    const { ended, go } = await waiting();
    const error = await errorOf(plan("touch /root/other"));
    expect(error).toBeInstanceOf(Busy);
    expect(error.exitCode).toBe(75);
    expect(error.message).toMatch(/^another change is running on the host: provision by ann@laptop since \d{4}-.*Z$/);
    go();
    expect((await ended).error).toBeUndefined();
  });

  test("that was planned before is refused just the same, and its upload deleted", async () => {
    const upload = { name: "dags", files: [{ path: "a", content: "x" }] };
    const early = await planHost(context, host, [step([act("make it", "touch /root/other", { upload })])], undefined);
    const { ended, go } = await waiting();
    const error = await errorOf(changeHost(context, host, early, { verb: "dags", operator: "bob" }));
    expect(error).toBeInstanceOf(Busy);
    expect(error.message).toContain("provision by ann@laptop since");
    expect(root("ls /run/airflow-change | wc -l; ls -d /srv/airflow/.incoming-* 2>/dev/null || true")).toBe("1");
    go();
    await ended;
    expect(root("ls /root")).toBe("began\ngo\nsecond");
  });

  test("starts where a unit of that name failed and lingers", async () => {
    root(
      "systemd-run --quiet --unit=airflow-change false; until systemctl is-failed -q airflow-change; do sleep 0.1; done",
    );
    expect((await did("touch /root/done")).error).toBeUndefined();
    expect(root("ls /root")).toBe("done");
  });
});

describe("a plan made from another state touches nothing", () => {
  const cases: [what: string, meanwhile: string, about: RegExp][] = [
    ["another release runs", "ln -sfn releases/other /srv/airflow/current", /the host was switched to another release/],
    ["other DAGs run", "mkdir -p /srv/airflow/dags; ln -sfn releases/o /srv/airflow/dags/current", /another release/],
    ["a fact of a step changed", "echo new > /root/fact", /what the step test reads has changed/],
  ];
  const withFact = step(doing("touch /root/touched"), { file: stable(new Command("cat /root/fact"), (r) => r.stdout) });
  test.each(cases)("%s", async (_what, meanwhile, about) => {
    const found = await planHost(context, host, [withFact], undefined);
    const before = root(`ls ${RECORDS}`);
    root(meanwhile);
    const error = await errorOf(changeHost(context, host, found, ANN));
    expect(error.message).toMatch(/^the host changed meanwhile, nothing was touched: /);
    expect(error.message).toMatch(about);
    expect(root("ls /root")).not.toContain("touched");
    expect(root(`ls ${RECORDS}`)).toBe(before);
  });

  test("another change was made", async () => {
    const found = await plan("touch /root/touched");
    await did("false");
    expect((await errorOf(changeHost(context, host, found, ANN))).message).toContain("another change was made");
    expect(root("ls /root")).toBe("");
  });

  test("but what moves by itself is not compared", async () => {
    const found = await planHost(
      context,
      host,
      [step(doing("touch /root/touched"), { clock: live(new Command("date +%N"), (r) => r.stdout) })],
      undefined,
    );
    await said(() => changeHost(context, host, found, ANN));
    expect(root("ls /root")).toBe("touched");
  });
});

describe("a change that does not end by itself", () => {
  test.each([
    ["killed", "systemctl kill -s KILL airflow-change"],
    ["stopped by systemctl", "systemctl stop airflow-change"],
    ["killed, its driver alone", "kill -KILL $(systemctl show -p MainPID --value airflow-change)"],
  ])("%s, was interrupted at its action", async (_how, how) => {
    const { ended } = await waiting();
    root(how);
    const { error } = await ended;
    expect(error?.message).toBe('the change was interrupted at "make 0"');
    expect(error?.exitCode).toBe(1);
    expect(root("ls /root")).toBe("began");
    // SIGKILL to all may end what writes the outcome, too: then the next change completes the records.
    const interrupted = newest();
    expect((await planHost(context, host, [], undefined)).previous?.outcome).toEqual({ kind: "interrupted", at: 0 });
    await did("true");
    expect(root(`cat /srv/airflow/changes/${interrupted}/log`)).toMatch(/^::\S+:start 000$/);
  });

  test("stops between two actions where the stop file is there", async () => {
    const { ended, go } = await waiting();
    root("touch /run/airflow-outcomes/$(ls /run/airflow-change)/stop");
    go();
    const { error } = await ended;
    expect(error).toBeInstanceOf(Interrupted);
    expect(error?.message).toBe('stopped before "make 1"');
    expect(root("ls /root")).toBe("began\ngo");
  });

  test("does not pass for started where its log cannot be opened", async () => {
    const { plan: actions, standing } = await plan("touch /root/touched");
    const id = "20010101T000000Z-00000000";
    root(`mkdir -p /run/airflow-outcomes/${id}/log`);
    const error = await errorOf(
      runChange(context, host, compileChange(actions, standingChecks(standing), ANN, id, new Date())),
    );
    expect(error.message).toMatch(/^the change did not start, nothing was changed: systemd did not start the change/);
    expect(root("ls /root; ls -d /run/airflow-outcomes/2001* 2>/dev/null || true")).toBe("");
  });
});

describe("a full disk", () => {
  afterEach(() => void root("mountpoint -q /srv/airflow/changes && umount /srv/airflow/changes; true"));

  test("during the upload: a clear error, nothing changed, nothing left", async () => {
    root("mount -t tmpfs -o size=2m tmpfs /srv/airflow");
    const upload = { name: "dags", files: [{ path: "big", content: Buffer.alloc(4 << 20, 1) }] };
    const { error } = await listen(() => change(host, act("make it", "touch /root/touched", { upload })));
    const left = root("ls -A /srv/airflow; umount /srv/airflow");
    expect(error?.message).toMatch(/^the change did not start, nothing was changed: no space left on the disk$/);
    expect(error?.hint).toMatch(/^free some space/);
    expect(left + root("ls /root")).toBe("");
  });

  test("during the change: its outcome is known all the same", async () => {
    root("mount -t tmpfs -o size=64k tmpfs /var/lib/airflow-deployment");
    const full = "cat /dev/zero > /var/lib/airflow-deployment/full 2>/dev/null || true";
    const failed = await did(full, "echo why; exit 9");
    root("rm /var/lib/airflow-deployment/full");
    const done = await did(full, "echo fine");
    const { previous } = await planHost(context, host, [], undefined);
    root("umount /var/lib/airflow-deployment");
    expect(failed.error?.message).toMatch(/^"make 1" failed on \S+:\n {2}why$/);
    expect(done.error).toBeUndefined();
    expect(previous?.outcome).toEqual({ kind: "done" });
  });

  test("before the change: what cannot be recorded is not begun", async () => {
    root("mount -t tmpfs -o size=64k tmpfs /var/lib/airflow-deployment");
    root(
      "mkdir -p /var/lib/airflow-deployment/changes; cat /dev/zero > /var/lib/airflow-deployment/full 2>/dev/null || true",
    );
    const { error } = await did("touch /root/touched");
    const left = root(`find ${RECORDS} -type f; umount /var/lib/airflow-deployment`);
    expect(error?.message).toMatch(/^the change failed: cannot write the record of this change/);
    expect(left + root("ls /root")).toBe("");
  });
});

describe("what the next verb is told", () => {
  const other = async (...commands: string[]): Promise<void> => {
    const { memory: _none, ...stranger } = host;
    await listen(() => change(stranger, ...doing(...commands)));
  };
  test.each([
    [
      "that another operator's change ended well",
      ["true"],
      /^the previous change \(provision by ann@laptop since .*Z\) ended well\n$/,
    ],
    ["that it failed, and where", ["true", "false"], /\) failed at "make 1"\n$/],
  ])("%s, once", async (_what, commands, note) => {
    await did("true");
    await other(...commands);
    expect(await said(() => plan())).toMatch(note);
    expect(await said(() => plan())).toBe("");
  });

  test("nothing of a change that it followed itself, however it ended", async () => {
    await did("true");
    expect(await said(() => plan())).toBe("");
    await did("false");
    expect(await said(() => plan())).toBe("");
  });
});

describe("sudo", () => {
  afterEach(() => void root("mv /root/../etc/sudoers.d.off /etc/sudoers.d/90-cloud-init-users"));
  test("that asks for a password is an error that says so", async () => {
    root("mv /etc/sudoers.d/90-cloud-init-users /etc/sudoers.d.off; rm -f /run/sudo/ts/ubuntu");
    const error = await errorOf(plan("true"));
    expect(error.message).toMatch(/may not use sudo without a password: sudo: /);
    expect(error.hint).toMatch(/NOPASSWD/);
  });
});

describe("after a reboot", () => {
  beforeAll(async () => {
    const found = await plan("touch /root/touched");
    // Docker mounts it again at the next start.
    root("umount /srv/airflow");
    await did("touch /root/unmounted");
    copies = root("ls -d /srv/airflow/changes || true");
    await machine.reboot();
    await host.reconnect();
    early = await errorOf(changeHost(context, host, found, ANN));
  }, 60_000);
  let early: Error;
  let copies: string;

  test("a plan from before it touches nothing", () => {
    expect(early.message).toMatch(/the host was rebooted or replaced|another change was made/);
  });
  test("what was recorded while the data volume was not mounted is copied by the next change", async () => {
    expect(copies).toBe("");
    const id = newest();
    await did("true");
    expect(root(`diff -r ${RECORDS}/${id} /srv/airflow/changes/${id}; cat /srv/airflow/changes/${id}/outcome`)).toMatch(
      /EXIT_STATUS=0/,
    );
  });
});
