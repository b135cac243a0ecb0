import fs, { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { describePush } from "../../provision/page/planned-push";
import { dagFolderOf, readDags } from "../../provision/release/dag-files";
import { DagRelease, describeDags, doubtsAbout, parseCheck, removedDags } from "../../provision/release/dag-release";

const folder = (files: Record<string, string>): string => {
  const made = mkdtempSync(join(tmpdir(), "dags-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made, name)), { recursive: true });
    writeFileSync(join(made, name), text);
  }
  return made;
};

const latin1 = (made: string): string => {
  writeFileSync(Buffer.concat([Buffer.from(`${made}/caf`), Buffer.from([0xe9]), Buffer.from(".py")]), "");
  return made;
};

test("a folder is read without bytecode, packages and hidden files", () => {
  const rubbish = [
    "x.pyc",
    ".env",
    "node_modules/x.js",
    "a/venv/lib.py",
    "__pycache__/y",
    "our.egg-info/z",
    ".git/a.py",
  ];
  const files = [".airflowignore", "a.py", "a/venv.py", "helpers/node_modules.py"];
  const dags = folder(Object.fromEntries([...rubbish, ...files].map((path) => [path, "x"])));
  expect(readDags(dags).files.map(({ path }) => path)).toEqual(files);
});

test("a file that vanishes while the folder is read, or may not be read, is an error that names it", () => {
  const dags = folder({ "a.py": "x" });
  const spy = jest.spyOn(fs, "readFileSync").mockImplementation((path) => {
    throw Object.assign(new Error(`ENOENT: no such file or directory, open '${String(path)}'`), { code: "ENOENT" });
  });
  try {
    expect(() => readDags(dags)).toThrow(`cannot read ${dags}: ENOENT: no such file or directory, open '${dags}/a.py'`);
  } finally {
    spy.mockRestore();
  }
});

test("the folder is that of DAGS, of the deployment file, or dags/", () => {
  expect(dagFolderOf({ dags: {} })).toBe(join(ROOT, "dags"));
  expect(dagFolderOf({ dags: { directory: "our/dags" } })).toBe(join(ROOT, "our/dags"));
  process.env["DAGS"] = "/elsewhere";
  try {
    expect(dagFolderOf({ dags: { directory: "our/dags" } })).toBe("/elsewhere");
  } finally {
    delete process.env["DAGS"];
  }
});

test("a file that no push can hold is an error", () => {
  const dags = folder({ "a.py": "" });
  truncateSync(join(dags, "a.py"), 256 * 1024 ** 2 + 1);
  expect(() => readDags(dags)).toThrow(/a\.py has 256\.0 MiB; a file beside DAGs may have 256\.0 MiB$/);
});

describe("a push that may be a mistake", () => {
  const file = (path: string, bytes = 1) => ({ path, content: Buffer.alloc(bytes), sha256: "" });
  const release = (...files: ReturnType<typeof file>[]): DagRelease => ({ digest: "0", files });
  const before = Object.fromEntries(["a", "b", "c", "d", "canary"].map((id) => [id, { file: `${id}.py`, hash: "" }]));
  const MIB = 1024 ** 2;

  test.each<[string, DagRelease, string[]]>([
    ["a few removals", release(file("d.py"), file("canary.py")), []],
    ["more", release(file("canary.py")), ["removes 4 of 5 DAGs: a, b, c, d"]],
    [
      "files that moved into a folder",
      release(...Object.values(before).map(({ file: path }) => file(`team/${path}`))),
      [],
    ],
    ["the canary", release(...["a", "b", "c", "d"].map((id) => file(`${id}.py`))), ["removes 1 of 5 DAGs: canary"]],
    [
      "a file of 10 MiB",
      release(...Object.values(before).map(({ file: path }) => file(path)), file("x", 10 * MIB)),
      [],
    ],
    [
      "a larger one",
      release(...Object.values(before).map(({ file: path }) => file(path)), file("x", 10 * MIB + 1)),
      ["uploads x, 10.0 MiB"],
    ],
    [
      "more than 100 MiB in all",
      release(
        ...Object.values(before).map(({ file: path }) => file(path)),
        ...Array.from({ length: 11 }, (_, i) => file(`${i}`, 10 * MIB)),
      ),
      ["uploads 110.0 MiB in all"],
    ],
  ])("%s", (_name, wanted, doubts) => expect(doubtsAbout(wanted, before)).toEqual(doubts));

  test("a file that moved out of a folder takes no DAG away", () => {
    expect(removedDags({ a: { file: "team/a.py", hash: "" } }, release(file("a.py")))).toEqual([]);
  });

  test("what it does to files is told by make plan", () => {
    const found = new Map([
      ["a.py", ""],
      ["b.py", "old"],
      ["c.py", ""],
    ]);
    expect(describePush(found, before, release(file("a.py"), file("b.py"), file("new.py")))).toEqual([
      "add new.py",
      "change b.py",
      "remove c.py",
      "remove the DAGs c, d, canary",
    ]);
    expect(describePush(new Map([["a.py", ""]]), {}, release(file("a.py")))).toEqual([]);
  });
});

test.each([
  ["a folder that is not there", () => "/nope", /^\/nope is not a folder$/],
  ["a file", () => join(folder({ "a.py": "" }), "a.py"), /a\.py is not a folder$/],
  ["a folder without a DAG", () => folder({ "a.txt": "" }), /^there is no DAG in /],
  ["a name that is not UTF-8", () => latin1(folder({ "a.py": "" })), /cannot be called "caf\ufffd\.py"$/],
  ["a name with a line break", () => folder({ "a\nb.py": "" }), /cannot be called "a\\nb\.py"$/],
])("%s is an error", (_name, dags, message) => expect(() => readDags(dags())).toThrow(message));

test("a link is an error, wherever it leads", () => {
  const dags = folder({ "a.py": "" });
  symlinkSync("/etc/passwd", join(dags, "b.py"));
  expect(() => readDags(dags)).toThrow(/b\.py is not a plain file$/);
});

test.each(["", "null", '{"dags": null}', '{"dags": {"a": 1}}', '{"dags": {"a": {"file": 3}}}', "\u0000"])(
  "a check's result that is none is as good as none: %j",
  (text) => expect(parseCheck(text)).toEqual({}),
);

test("of many DAGs the first are named, and how many more there are", () => {
  const dags = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`, { file: "a.py", hash: "" }]));
  expect(describeDags({}, dags(11))).toBe(`added: ${Object.keys(dags(11)).join(", ")}`);
  expect(describeDags({}, dags(90))).toBe("added: d0, d1, d2, d3, d4, d5, d6, d7, d8, d9 and 80 more");
});
