import { createHash } from "node:crypto";
import { About, parseOutcome, standing, noteOf } from "../../provision/change/standing";
import { compileChange, newChangeId, standingChecks } from "../../provision/change/compile";
import { incoming } from "../../provision/change/places";
import { authorOf } from "../../provision/change/change-host";
import type { Plan } from "../../provision/change/planning";
import { Command, sh } from "../../provision/base/shell";
import { act } from "../support/plans";

const now = new Date("2026-03-04T05:06:07.890Z");
const id = "20260304T050607Z-0a1b2c3d";
const run = `run/airflow-change/${id}`;
const secret = "Hunter2";
const plan: Plan = [
  {
    step: "secrets",
    actions: [act("write the secret x", "cat > /x", { stdin: secret })],
    checks: [{ command: sh`cat /x`, digest: "d".repeat(64) }],
  },
  {
    step: "release",
    actions: [
      act("unpack it", "true", { upload: { name: "release", files: [{ path: "a/b", content: "B", mode: 0o755 }] } }),
    ],
    checks: [],
  },
];
const check = { command: sh`cat /etc/machine-id`, digest: "e".repeat(64), about: "another host" };
const change = compileChange(plan, [check], { verb: "provision", operator: "ann" }, id, now);
const fileAt = (path: string): string => change.files.find((file) => file.path === path)!.content.toString();
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

describe("a compiled change", () => {
  test("has a file an action, in order, with its input beside it", () => {
    expect(fileAt(`${run}/actions/000.sh`)).toBe("cat > /x\n");
    expect(fileAt(`${run}/actions/001.sh`)).toBe("true\n");
    expect(change.files.map(({ path }) => path).filter((path) => path.includes("inputs"))).toEqual([
      `${run}/inputs/000`,
    ]);
  });
  test("holds what goes to standard input in inputs/ alone, for root alone", () => {
    const holders = change.files.filter(({ content }) => content.toString().includes(secret));
    expect(holders).toEqual([{ path: `${run}/inputs/000`, content: secret, mode: 0o600 }]);
    expect(change.startArguments.join()).not.toContain(secret);
  });
  test("is covered by its manifest, whose digest stands in the command", () => {
    const [, digest] = change.startArguments;
    const manifest = fileAt(`${run}/manifest`);
    expect(sha256(manifest)).toBe(digest);
    const others = change.files.filter(({ path }) => path !== `${run}/manifest`);
    expect(manifest).toBe(others.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join(""));
  });
  test("puts uploads beside their target on the data volume, with their modes", () => {
    expect(change.files).toContainEqual({ path: `srv/airflow/.incoming-${id}/release/a/b`, content: "B", mode: 0o755 });
    expect(change.startArguments.at(-1)).toBe(`/srv/airflow/.incoming-${id}`);
    expect(incoming("release").text).toBe('/srv/airflow/.incoming-"$CHANGE"/release');
  });
  test("without uploads needs no data volume", () => {
    const small = compileChange(plan.slice(0, 1), [], { verb: "v", operator: "o" }, id, now);
    expect(small.startArguments).toHaveLength(3);
  });
  test("compares the standing facts first, then those of its steps", () => {
    expect(["000", "001"].map((name) => fileAt(`${run}/checks/${name}.sh`))).toEqual([
      "cat /etc/machine-id\n",
      "cat /x\n",
    ]);
    expect(fileAt(`${run}/checks/001.about`)).toBe("what the step secrets reads has changed\n");
  });
  test("names verb, operator and start in UTC", () => {
    expect(change.startArguments[2]).toBe("provision by ann since 2026-03-04T05:06:07Z");
    expect(change.about).toEqual({
      id,
      verb: "provision",
      operator: "ann",
      since: now.toISOString(),
      actions: ["write the secret x", "unpack it"],
    });
  });
  test("has an id that sorts by time and differs within a second", () => {
    expect(newChangeId(now)).toMatch(/^20260304T050607Z-[0-9a-f]{8}$/);
    expect(newChangeId(now)).not.toBe(newChangeId(now));
  });
});

test("a standing fact is compared where it is stable, and says what its change means", () => {
  const raw = new Map(Object.keys(standing).map((name) => [name, name]));
  expect(standingChecks(raw).map(({ digest, about }) => [digest, about])).toEqual([
    ["machine", "the host was rebooted or replaced"],
    ["releases", "the host was switched to another release"],
    ["newest", "another change was made"],
  ]);
});

test.each([
  ["EXIT_CODE=exited EXIT_STATUS=0", `::${id}:done`, { kind: "done" }],
  ["EXIT_CODE=exited EXIT_STATUS=1", `::${id}:end 003 1`, { kind: "failed", at: 3 }],
  ["EXIT_CODE=exited EXIT_STATUS=1", `::${id}:failed cannot write`, { kind: "failed" }],
  ["EXIT_CODE=exited EXIT_STATUS=3", `::${id}:stale another change was made`, { kind: "stale" }],
  ["EXIT_CODE=exited EXIT_STATUS=4", `::${id}:stopped 002`, { kind: "stopped", at: 2 }],
  ["EXIT_CODE=exited EXIT_STATUS=127", "", { kind: "failed" }],
  ["EXIT_CODE=killed EXIT_STATUS=KILL", `::${id}:start 000`, { kind: "interrupted", at: 0 }],
  ["EXIT_CODE=killed EXIT_STATUS=0", `::${id}:start 000`, { kind: "interrupted", at: 0 }],
  ["EXIT_CODE=dumped EXIT_STATUS=ABRT", "", { kind: "interrupted" }],
  ["EXIT_CODE= EXIT_STATUS=", "", { kind: "interrupted" }],
  ["none", `::${id}:end 001 0`, { kind: "interrupted", at: 1 }],
  ["none", `::${id}:done`, { kind: "interrupted" }],
  ["", "", { kind: "interrupted" }],
  ["SERVICE_RESULT=success", "", { kind: "interrupted" }],
])("the outcome %j after %j is %j", (text, mark, outcome) => {
  expect(parseOutcome(text, mark)).toEqual(outcome);
});

describe("the facts of the unit and of the previous change", () => {
  const answer = (stdout: string) => ({ code: 0, stdout, stderr: "" });
  const about: About = { id, verb: "dags", operator: "bob", since: now.toISOString(), actions: ["make a", "make b"] };

  test.each([
    ["active", "dags by bob since x"],
    ["activating", "dags by bob since x"],
    ["deactivating", "dags by bob since x"],
    ["inactive", undefined],
    ["failed", undefined],
  ])("a unit that is %s: the change that runs is %s", (state, running) => {
    expect(standing.running.parse(answer(`ActiveState=${state}\nDescription=dags by bob since x\n`))).toBe(running);
  });
  test.each([
    ["no change was made yet", "", undefined],
    ["its record was cut by a power failure", '{"id":"2026', undefined],
    [
      "it ended well",
      `${JSON.stringify(about)}\nEXIT_CODE=exited EXIT_STATUS=0\n::${id}:done\n`,
      { about, outcome: { kind: "done" } },
    ],
    [
      "it was interrupted",
      `${JSON.stringify(about)}\nnone\n::${id}:start 001\n`,
      { about, outcome: { kind: "interrupted", at: 1 } },
    ],
    ["nothing but its record is left", `${JSON.stringify(about)}\nnone\n`, { about, outcome: { kind: "interrupted" } }],
  ])("%s", (_what, stdout, expected) => {
    expect(standing.previous.parse(answer(stdout))).toEqual(expected);
  });
  test.each([
    [{ kind: "done" } as const, "ended well"],
    [{ kind: "failed", at: 1 } as const, 'failed at "make b"'],
    [{ kind: "stopped", at: 1 } as const, 'was stopped before "make b"'],
    [{ kind: "interrupted", at: 0 } as const, 'was interrupted at "make a"'],
    [{ kind: "interrupted" } as const, "was interrupted"],
    [{ kind: "interrupted", at: 9 } as const, "was interrupted"],
  ])("an outcome %j is told as: %s", (outcome, text) => {
    expect(noteOf({ about, outcome })).toBe(`the previous change (dags by bob since 2026-03-04T05:06:07Z) ${text}`);
  });
});

test.each([
  ["ann", "ann"],
  ["Ann Lee <ann@example.com>", "Ann_Lee__ann@example.com_"],
  ["$(reboot)\n", "__reboot__"],
  ["x".repeat(100), "x".repeat(64)],
])("the operator %j is recorded as %s", (name, recorded) => {
  process.env["AIRFLOW_OPERATOR"] = name;
  expect(authorOf("provision").operator).toBe(recorded);
  delete process.env["AIRFLOW_OPERATOR"];
});

test("checks and facts are the same commands", () => expect(standing.machine.command).toBeInstanceOf(Command));
