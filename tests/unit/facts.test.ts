import { createHash } from "node:crypto";
import { Fact, live, readRaw, runAsRoot, stable } from "../../provision/facts";
import type { Host, Result } from "../../provision/host";
import { factsOf, makePlan } from "../../provision/planning";
import { Command, sh } from "../../provision/shell";
import { act, step } from "../support/plans";

/** A host that answers everything with this. */
const answering = (answer: Partial<Result> & { frames?: string | Buffer }): Host => ({
  name: "ubuntu@host:22",
  run: async (_command, options) => {
    if (answer.frames !== undefined) options?.stdout?.write(Buffer.from(answer.frames));
    return { code: 0, stdout: "", stderr: "", ...answer };
  },
  connect: () => Promise.reject(new Error()),
  reconnect: () => Promise.reject(new Error()),
});
const text = (command = "true"): Fact<string> => stable(new Command(command), ({ stdout }) => stdout);

describe("the answers to facts", () => {
  test.each([
    ["none", [], []],
    [
      "plain ones",
      ["0 0 3 0\nabc", "1 1 0 2\nno"],
      [
        [0, "abc", ""],
        [1, "", "no"],
      ],
    ],
    [
      "empty ones",
      ["0 127 0 0\n", "1 0 0 0\n"],
      [
        [127, "", ""],
        [0, "", ""],
      ],
    ],
    [
      "lines that look like frames",
      ["0 0 8 0\n1 0 0 0\n", "1 0 1 0\n\n"],
      [
        [0, "1 0 0 0\n", ""],
        [0, "\n", ""],
      ],
    ],
    [
      "letters of more than one byte",
      ["0 0 4 2\néü" + "é", "1 0 0 0\n"],
      [
        [0, "éü", "é"],
        [0, "", ""],
      ],
    ],
  ])("are taken apart by their sizes: %s", async (_what, frames, expected) => {
    const raw = await readRaw(
      answering({ frames: frames.join("") }),
      frames.map(() => text()),
    );
    expect(raw.map(({ result: { code, stdout, stderr } }) => [code, stdout, stderr])).toEqual(expected);
  });
  test("have the digest that the host makes of code and output, not of what went to stderr", async () => {
    const [raw] = await readRaw(answering({ frames: "0 1 2 3\nouterr" }), [text()]);
    expect(raw!.digest).toBe(createHash("sha256").update("1\nou").digest("hex"));
  });
  test.each(["", "0 0 3 0", "1 0 0 0\n", "0 0\n", "sudo: hello\n0 0 0 0\n"])(
    "that come back garbled (%j) are no state",
    async (frames) => {
      await expect(readRaw(answering({ frames }), [text()])).rejects.toThrow(/garbled/);
    },
  );
  test("that do not come at all are an error that names the host", async () => {
    await expect(readRaw(answering({ code: 1, stderr: "mktemp: no space\x1b[2J" }), [text()])).rejects.toThrow(
      "cannot read the state of ubuntu@host:22: mktemp: no space",
    );
  });
});

describe("sudo", () => {
  test.each(["sudo: a password is required", "sudo: sorry, you must have a tty to run sudo", "sudo: unknown user x"])(
    "that says %j is an error of the operator's",
    async (stderr) => {
      await expect(runAsRoot(answering({ code: 1, stderr }), sh`true`)).rejects.toThrow(
        /may not use sudo without a password: sudo:/,
      );
    },
  );
  test("that works leaves a failing command to the caller", async () => {
    expect(await runAsRoot(answering({ code: 3, stderr: "no" }), sh`false`)).toMatchObject({ code: 3 });
  });
});

describe("a plan", () => {
  const facts = { a: text("cat a"), b: live(sh`date`, ({ stdout }) => stdout) };
  const idle = { ...step([]), name: "idle", facts: () => ({ c: text("cat c") }) };
  const busy = { ...step([act("make it", "true")]), name: "busy", facts: () => facts };

  test("holds the steps that have something to do, with their stable facts to compare", async () => {
    const wishes = factsOf([idle, busy], undefined);
    const frames = "0 0 1 0\nC1 0 1 0\nA2 0 1 0\nB";
    const raw = await readRaw(
      answering({ frames }),
      wishes.flatMap(({ facts }) => Object.values(facts)),
    );
    expect(makePlan(wishes, undefined, raw)).toEqual([
      {
        step: "busy",
        actions: [act("make it", "true")],
        checks: [{ command: facts.a.command, digest: raw[1]!.digest }],
      },
    ]);
  });
  test("gives each step its own facts, parsed", async () => {
    const seen: unknown[] = [];
    const watching = { ...busy, plan: (_wanted: undefined, known: object) => (seen.push(known), []) };
    const wishes = factsOf([idle, watching], undefined);
    const raw = await readRaw(
      answering({ frames: "0 0 1 0\nC1 0 1 0\nA2 0 1 0\nB" }),
      wishes.flatMap(({ facts }) => Object.values(facts)),
    );
    expect(makePlan(wishes, undefined, raw)).toEqual([]);
    expect(seen).toEqual([{ a: "A", b: "B" }]);
  });
});
