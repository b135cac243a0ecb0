import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";

/** A checkout of two verbs. */
const root = mkdtempSync(join(tmpdir(), "run-"));
const compiled = join(root, "node_modules/.compiled");
beforeAll(() => {
  mkdirSync(join(root, "provision/base"), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  symlinkSync(realpathSync(join(ROOT, "node_modules/esbuild")), join(root, "node_modules/esbuild"));
  cpSync(join(ROOT, "run"), join(root, "run"));
  writeFileSync(join(root, "package-lock.json"), "{}");
  writeFileSync(join(root, "provision/fail.ts"), "process.exitCode = 75;");
  greets("hello");
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function greets(greeting: string): void {
  writeFileSync(join(root, "provision/base/greeting.ts"), `export const greeting: string = "${greeting}";`);
  writeFileSync(
    join(root, "provision/greet.ts"),
    'import { greeting } from "./base/greeting"; console.log(greeting, process.env["WHO"]);',
  );
}

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, ["run", ...args], { cwd: root });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code: code ?? -1, out, err })));
}

test("many first runs at once compile without getting into each other's way", async () => {
  const all = await Promise.all(Array.from({ length: 4 }, (_, i) => run("greet", `WHO=${i}=x`)));
  expect(all).toEqual(all.map((_, i) => ({ code: 0, out: `hello ${i}=x\n`, err: "" })));
  expect(readdirSync(compiled).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("what was compiled is used again, and never when a source is another by now", async () => {
  const before = readdirSync(compiled);
  await run("greet");
  expect(readdirSync(compiled)).toEqual(before);
  greets("goodbye");
  expect((await run("greet", "WHO=you")).out).toBe("goodbye you\n");
  greets("hello");
  expect((await run("greet", "WHO=you")).out).toBe("hello you\n");
});

test("a verb's exit code is that of ./run", async () =>
  expect(await run("fail")).toEqual({ code: 75, out: "", err: "" }));

test.each([
  [["frobnicate"], /^error: there is no verb "frobnicate"\nhint: make help/],
  [[], /^error: there is no verb ""/],
  [["script"], /^error: there is no verb "script"/],
  [["greet", "who=me"], /^error: "who=me" is not KEY=value\nhint: \.\/run greet KEY=value/],
])("./run %j is refused", async (args, err) => {
  expect(await run(...args)).toEqual({ code: 1, out: "", err: expect.stringMatching(err) });
});
