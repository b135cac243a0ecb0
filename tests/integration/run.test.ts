import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";

/** A checkout of two verbs. */
const root = mkdtempSync(join(tmpdir(), "run-"));
const compiled = join(root, "node_modules/.compiled");
beforeAll(() => {
  mkdirSync(join(root, "provision/base"), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  symlinkSync(realpathSync(join(ROOT, "node_modules/esbuild")), join(root, "node_modules/esbuild"));
  symlinkSync(
    realpathSync(join(ROOT, "node_modules/fastest-levenshtein")),
    join(root, "node_modules/fastest-levenshtein"),
  );
  for (const file of ["run", "Makefile"]) cpSync(join(ROOT, file), join(root, file));
  installed("{}");
  writeFileSync(join(root, "provision/fail.ts"), "process.exitCode = 75;");
  greets("hello");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const installed = (packages: string): void => writeFileSync(join(root, "node_modules/.package-lock.json"), packages);

function greets(greeting: string): void {
  writeFileSync(join(root, "provision/base/greeting.ts"), `export const greeting: string = "${greeting}";`);
  writeFileSync(
    join(root, "provision/greet.ts"),
    'import { greeting } from "./base/greeting"; console.log(greeting, process.env["DAG"]);',
  );
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
const run = (...args: string[]): Promise<Ended> => runIn(root, {}, ...args);

function runIn(cwd: string, options: object, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, "run"), ...args], { cwd, ...options });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code: code ?? -1, out, err })));
}

test("many first runs at once compile without getting into each other's way", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, (_, i) => run("greet", `DAG=${i}=x`)));
  expect(all).toEqual(all.map((_, i) => ({ code: 0, out: `hello ${i}=x\n`, err: "" })));
  expect(readdirSync(compiled).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("first runs at once also agree on what is old", async () => {
  greets("again");
  for (let i = 0; i < 200; i++) {
    const old = join(compiled, `${i}.js`);
    writeFileSync(old, "");
    utimesSync(old, 1, 1);
  }
  const all = await Promise.all(Array.from({ length: 4 }, () => run("greet")));
  expect(all.map(({ code, err }) => ({ code, err }))).toEqual(all.map(() => ({ code: 0, err: "" })));
  expect(readdirSync(compiled).some((name) => name === "7.js")).toBe(false);
  greets("hello");
});

test("other packages than those that were compiled in count as another source", async () => {
  await run("greet");
  const before = readdirSync(compiled).length;
  installed('{"esbuild":"new"}');
  await run("greet");
  expect(readdirSync(compiled).length).toBeGreaterThan(before);
});

test("an editor's own file beside a verb is no source", async () => {
  symlinkSync("nobody@nowhere:1", join(root, "provision/.#greet.ts"));
  expect((await run("greet", "DAG=you")).out).toBe("hello you\n");
});

test("it runs from any working directory, and for who may not write to node_modules", async () => {
  greets("elsewhere");
  for (const folder of [dirname(root), root]) chmodSync(folder, 0o755);
  const nobody = { uid: 65534, gid: 65534 };
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) chmodSync(compiled, 0o555);
  const { code, out, err } = await runIn(tmpdir(), isRoot ? nobody : {}, "greet", "DAG=you");
  chmodSync(compiled, 0o755);
  expect({ code, out, err }).toEqual({ code: 0, out: "elsewhere you\n", err: "" });
  greets("hello");
});

test("without packages it says what to do", async () => {
  rmSync(join(root, "node_modules/.package-lock.json"));
  expect(await run("greet")).toEqual({
    code: 1,
    out: "",
    err: "error: the npm packages are not installed\nhint: run make setup\n",
  });
  installed("{}");
});

test("what was compiled is used again, and never when a source is another by now", async () => {
  await run("greet");
  const before = readdirSync(compiled);
  await run("greet");
  expect(readdirSync(compiled)).toEqual(before);
  greets("goodbye");
  expect((await run("greet", "DAG=you")).out).toBe("goodbye you\n");
  greets("hello");
  expect((await run("greet", "DAG=you")).out).toBe("hello you\n");
});

test("machine code of a run before that is damaged, or another V8's, is made again", async () => {
  await run("greet");
  const files = readdirSync(compiled).filter((name) => name.endsWith(".greet.code"));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) writeFileSync(join(compiled, file), "no code");
  expect(await run("greet", "DAG=you")).toMatchObject({ code: 0, out: "hello you\n", err: "" });
  expect(files.filter((file) => statSync(join(compiled, file)).size > 100)).toHaveLength(1);
});

test("what a verb loads only when it needs it is found, also by a run with kept machine code", async () => {
  writeFileSync(
    join(root, "provision/fail.ts"),
    'void import("node:os").then(({ EOL }) => console.log(JSON.stringify(EOL)));',
  );
  for (const _ of ["first", "second", "third"]) expect(await run("fail")).toEqual({ code: 0, out: '"\\n"\n', err: "" });
  writeFileSync(join(root, "provision/fail.ts"), "process.exitCode = 75;");
});

test("with DEBUG, an error shows its place in the sources", async () => {
  writeFileSync(join(root, "provision/fail.ts"), "\n\nconst n: number = 1;\nthrow new Error(`no ${n}`);");
  await run("fail");
  const { err } = await runIn(root, { env: { ...process.env, DEBUG: "1" } }, "fail");
  expect(err).toMatch(/provision\/fail\.ts:4/);
  writeFileSync(join(root, "provision/fail.ts"), "process.exitCode = 75;");
});

test("a verb's exit code is that of ./run", async () =>
  expect(await run("fail")).toEqual({ code: 75, out: "", err: "" }));

test.each([
  [["frobnicate"], /^error: there is no verb "frobnicate"\nhint: make help/],
  [["gret"], /^error: there is no verb "gret"\nhint: did you mean greet\?/],
  [["check"], /^error: check is run by make alone\nhint: make check/],
  [["greet", "DGA=canary"], /^error: there is no parameter DGA\nhint: did you mean DAG\?/],
  [[], /^error: there is no verb ""/],
  [["script"], /^error: there is no verb "script"/],
  [["greet", "who=me"], /^error: "who=me" is not KEY=value\nhint: \.\/run greet KEY=value/],
])("./run %j is refused", async (args, err) => {
  expect(await run(...args)).toEqual({ code: 1, out: "", err: expect.stringMatching(err) });
});
