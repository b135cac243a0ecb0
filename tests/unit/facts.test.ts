import { createHash } from "node:crypto";
import { Fact, live, stable } from "../../provision/change/fact";
import { readRaw } from "../../provision/change/read-facts";
import { runAsRoot } from "../../provision/change/root";
import type { Host } from "../../provision/link/host";
import type { Result } from "../../provision/base/shell";
import { factsOf, makePlan } from "../../provision/change/planning";
import { Command, sh } from "../../provision/base/shell";
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

/** As the host frames the answers. */
const frames = (...answers: [code: number, stdout: string, stderr?: string][]): string => {
  const texts = answers.flatMap(([, stdout, stderr = ""]) => [stdout, stderr]);
  return (
    [...answers.map(([code]) => code), ...texts.map((text) => Buffer.byteLength(text))].join("\n") +
    "\n" +
    texts.join("")
  );
};

describe("the answers to facts", () => {
  test.each<[string, [number, string, string][]]>([
    [
      "plain ones",
      [
        [0, "abc", ""],
        [1, "", "no"],
      ],
    ],
    [
      "empty ones",
      [
        [127, "", ""],
        [0, "", ""],
      ],
    ],
    [
      "lines that look like sizes",
      [
        [0, "1\n0\n0\n", "2\n"],
        [0, "\n", ""],
      ],
    ],
    [
      "letters of more than one byte",
      [
        [0, "éü", "é"],
        [0, "", ""],
      ],
    ],
  ])("are taken apart by their sizes: %s", async (_what, answers) => {
    const raw = await readRaw(
      answering({ frames: frames(...answers) }),
      answers.map(() => text()),
    );
    expect(raw.map(({ result: { code, stdout, stderr } }) => [code, stdout, stderr])).toEqual(answers);
  });
  test("of nothing are none, without a round trip", async () => {
    expect(await readRaw(answering({ code: 1 }), [])).toEqual([]);
  });
  test("have the digest that the host makes of code and output, not of what went to stderr", async () => {
    const [raw] = await readRaw(answering({ frames: frames([1, "ou", "terr"]) }), [text()]);
    expect(raw!.digest).toBe(createHash("sha256").update("1\nou").digest("hex"));
  });
  test.each(["", "0", "0\n0\n", "0\n1\n0\n", "0\n0\n0\nx", "motd\n0\n0\n0\n", "0\n\n0\n"])(
    "that come back garbled (%j) are no state",
    async (garbled) => {
      await expect(readRaw(answering({ frames: garbled }), [text()])).rejects.toThrow(/garbled/);
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
  test.each([75, 1, 3])("that only warns leaves a failure to the caller (exit code %d)", async (code) => {
    const stderr = "sudo: unable to resolve host shop: Name or service not known";
    const host = { ...answering({ code, stderr }) };
    const run = host.run;
    host.run = (command, options) =>
      command.text === "sudo -n true" ? Promise.resolve({ code: 0, stdout: "", stderr }) : run(command, options);
    expect(await runAsRoot(host, sh`true`)).toMatchObject({ code });
  });
  test("that refuses is told by its refusal, not by a warning before it", async () => {
    const stderr = "sudo: unable to resolve host shop: Name or service not known\nsudo: a password is required";
    await expect(runAsRoot(answering({ code: 1, stderr }), sh`true`)).rejects.toThrow(
      /: sudo: a password is required$/,
    );
  });
  test("that works leaves a failing command to the caller", async () => {
    expect(await runAsRoot(answering({ code: 3, stderr: "no" }), sh`false`)).toMatchObject({ code: 3 });
  });
});

describe("a plan", () => {
  const facts = { a: text("cat a"), b: live(sh`date`, ({ stdout }) => stdout) };
  const idle = { ...step([]), name: "idle", facts: () => ({ c: text("cat c") }) };
  const answers = frames([0, "C"], [0, "A"], [0, "B"]);
  const busy = { ...step([act("make it", "true")]), name: "busy", facts: () => facts };

  test("holds the steps that have something to do, with their stable facts to compare", async () => {
    const wishes = factsOf([idle, busy], undefined);
    const raw = await readRaw(
      answering({ frames: answers }),
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
      answering({ frames: answers }),
      wishes.flatMap(({ facts }) => Object.values(facts)),
    );
    expect(makePlan(wishes, undefined, raw)).toEqual([]);
    expect(seen).toEqual([{ a: "A", b: "B" }]);
  });
});
