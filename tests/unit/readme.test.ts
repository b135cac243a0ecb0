import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DEPLOYMENT_VERBS } from "../../provision/base/commands";
import { parseSettings } from "../../provision/deployment/deployment";
import { ROOT } from "../../provision/deployment/paths";

const textOf = (...path: string[]): string => readFileSync(join(ROOT, ...path), "utf8");
const readme = textOf("README.md");
const makefile = textOf("Makefile");
const unique = (words: readonly string[]): string[] => [...new Set(words)].sort();

const section = (title: string): string => readme.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
const rowsOf = (text: string): string[] => text.split("\n").filter((line) => /^\| [`\w]/.test(line));
/** The pages that an operator reads, by their path. */
const pages = new Map(
  [
    "README.md",
    ...readdirSync(join(ROOT, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
  ].map((file) => [file, textOf(file)] as const),
);
const everything = [...pages.values()].join("\n");
const spans = [...everything.replace(/^```[^]*?^```/gm, "").matchAll(/`([^`\n]+)`/g)].map(([, span]) => span!);
const lines = [...everything.matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) => line!);
const commands = [...lines, ...spans].filter((text) => /^([A-Z_]+=\S+ )*make( |$)/.test(text));

/** What `make help` prints, by verb. */
const help = new Map(
  [...makefile.matchAll(/^([a-z-]+):.*?## (.*)$/gm)].map(([, verb, says]) => [verb!, says!] as const),
);

test("the verbs of the README are those of make help, in the same order", () => {
  const verbs = rowsOf(section("Verbs")).slice(1);
  const table = verbs.map((row) => /^\| `([a-z-]+)` \|/.exec(row)?.[1]);
  const printed = execFileSync("make", ["help"], { cwd: ROOT, encoding: "utf8" });
  const listed = [...printed.matchAll(/^ {2}([a-z-]+) /gm)].map(([, verb]) => verb);
  expect(table).toEqual(listed);
  expect([...help.keys()]).toEqual(listed);
});

test.each([...makefile.matchAll(/^\t.*?((?:\$\(run\) (?!\$)|provision\/|tests\/)\S+)/gm)].map(([, script]) => script!))(
  "the Makefile's %s exists",
  (script) => {
    expect(existsSync(join(ROOT, script.replace(/^\$\(run\) (.*)/, "provision/$1.ts")))).toBe(true);
  },
);

test("each verb of make help acts on a deployment or on the checkout", () => {
  const ofCheckout = ["help", "setup", "check", "bench", "docs", "lock"];
  expect([...help.keys()].filter((verb) => !ofCheckout.includes(verb)).sort()).toEqual([...DEPLOYMENT_VERBS].sort());
});

test.each<[parameter: string, code: number, says: RegExp]>([
  ["SERVCE=scheduler", 2, /there is no parameter SERVCE; make help lists/],
  ["AIRFLOW_SSH_KEY=/stick/key", 0, /deployment: local/],
])("make help %s", (parameter, code, says) => {
  const { status, stdout, stderr } = spawnSync("make", ["help", parameter], { cwd: ROOT, encoding: "utf8" });
  expect({ status, text: stdout + stderr }).toEqual({ status: code, text: expect.stringMatching(says) });
});

test("make answers an unknown verb with the one that may be meant", () => {
  const { status, stderr } = spawnSync("make", ["provison"], { cwd: ROOT, encoding: "utf8" });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringMatching(/^error: there is no verb "provison"\nhint: did you mean provision\?/),
  });
});

test("what the README's table says of a verb's parameters, make help says, too", () => {
  for (const row of rowsOf(section("Verbs")).slice(1)) {
    const verb = /`([a-z-]+)`/.exec(row)![1]!;
    for (const name of parametersIn(row)) expect(`${verb}: ${help.get(verb)}`).toContain(`${name}=`);
  }
});

test.each(unique(commands))("%s is a command with known parameters", (command) => {
  const [, before, words, after] = /^(.*?)make((?: [a-z-]+(?=\s|$))*)(.*)$/.exec(command)!;
  const verbs = words!.trim().split(" ").filter(Boolean);
  for (const verb of verbs) expect([...help.keys()]).toContain(verb);
  const known = ["DEPLOYMENT", "VERBOSE"].concat(...verbs.map((verb) => parametersIn(help.get(verb)!)));
  for (const name of parametersIn(`${before} ${after!.split("#")[0]!}`)) expect(known).toContain(name);
});

test.each(unique(lines.filter((line) => commands.includes(line))))("make knows what to do for: %s", (line) => {
  const env = { PATH: process.env["PATH"], MAKEFLAGS: "n" };
  const recipe = execFileSync("sh", ["-c", line.replace(/ < \S+$/, "")], { cwd: ROOT, encoding: "utf8", env });
  expect(recipe).toMatch(/(provision|tests)\/[a-z]+\.(ts|sh)|node run [a-z-]+/);
});

test("every parameter of make help is passed on by the Makefile, as it was typed", () => {
  const known = /^PARAMETERS := (.*)$/m.exec(makefile)![1]!.split(" ");
  for (const name of [...help.values()].flatMap(parametersIn)) expect(known).toContain(name);
  const folder = mkdtempSync(join(tmpdir(), "make-"));
  const nasty = `$(shell touch ${folder}/x)\`touch ${folder}/y\``;
  for (const name of [...known, "AIRFLOW_SSH_KEY"]) {
    const said = execFileSync("make", ["help", `${name}=${nasty}`], { cwd: ROOT, encoding: "utf8" });
    expect(said).toMatch(/deployment: /);
    execFileSync("make", ["help"], { cwd: ROOT, env: { ...process.env, [name]: nasty }, stdio: "ignore" });
  }
  expect(readdirSync(folder)).toEqual([]);
});

const links = [...pages].flatMap(([file, text]) =>
  unique([...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)).map((link) => [file, link] as const),
);
test.each(links.filter(([, link]) => !link.startsWith("https://")))("%s: the link %s leads somewhere", (file, link) => {
  const [path, anchor] = link.split("#") as [string, string?];
  const target = path ? join(dirname(file), path) : file;
  expect(existsSync(join(ROOT, target))).toBe(true);
  if (anchor === undefined) return;
  const titles = [...textOf(target).matchAll(/^##+ (.*)$/gm)].map(([, title]) => title!);
  expect(
    titles.map((title) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} -]/gu, "")
        .replace(/ /g, "-"),
    ),
  ).toContain(anchor);
});

test("every picture of docs/ is shown, and every page is linked, also by the index", () => {
  const files = readdirSync(join(ROOT, "docs")).filter((file) => /\.(png|svg|md)$/.test(file));
  for (const file of files) expect(readme).toContain(`](docs/${file})`);
  for (const file of files.filter((name) => name.endsWith(".md") && name !== "README.md"))
    expect(textOf("docs/README.md")).toContain(`](${file})`);
});

test("every page of docs/ begins with the question that it answers, and the README is short", () => {
  for (const [file, text] of pages)
    if (!["README.md", "docs/README.md", "docs/decisions.md"].includes(file))
      expect({ file, text }).toEqual({ file, text: expect.stringMatching(/^# .+\n\n.*\?/) });
  expect(readme.split(/\s+/).length).toBeLessThan(2200);
});

const folders = readdirSync(ROOT, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
/** Names that the text makes up, and what is made only when something runs. */
const madeUp = /^(state|node_modules|secrets)\/|<|\/(staging|rehearsal|production|office|x)\.(yaml|known_hosts)/;
const paths = [...spans, ...lines]
  .flatMap((text) => text.split(/[\s:=,]+/))
  .filter((word) => folders.includes(word.split("/")[0]!) && word.includes("/") && !madeUp.test(word));

test.each(unique(paths))("the path %s exists", (path) => {
  expect(existsSync(join(ROOT, path))).toBe(true);
});

const contributing = textOf("CONTRIBUTING.md");
const files = unique([...contributing.matchAll(/`([\w./-]+)`/g)].map(([, span]) => span!)).filter((span) =>
  folders.includes(span.split("/")[0]!.replace(/\/$/, "")),
);

test("CONTRIBUTING says where each of ten changes goes", () => {
  const table = contributing.split("\n## Where does it go?\n")[1]!.split("\n## ")[0]!;
  expect(rowsOf(table).slice(1)).toHaveLength(10);
  expect(files.length).toBeGreaterThan(30);
});
test.each(files)("CONTRIBUTING's path %s exists", (path) => expect(existsSync(join(ROOT, path))).toBe(true));
test("CONTRIBUTING names every room", () => {
  for (const room of readdirSync(join(ROOT, "provision"), { withFileTypes: true }).filter((each) => each.isDirectory()))
    expect(contributing).toContain(`| \`provision/${room.name}\` |`);
});

const sources = ["provision"].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => /\.(ts|sh)$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")),
);
/** With every value as `…`, the way that the README writes it. */
const program = sources.join("\n").replaceAll(/\$\{[^}]*\}/g, "…");
const symptoms = rowsOf(textOf("docs/troubleshooting.md")).flatMap((row) => /^\| .*?`([^`]+)`/.exec(row)?.[1] ?? []);

test.each(symptoms.filter((text) => !text.startsWith("make ")))("the program says: %s", (symptom) => {
  const pieces = symptom.split(/…|"x"|\bx\b|ubuntu@|admin|, then output/).map((piece) => piece.trim());
  for (const piece of pieces) expect({ piece, isThere: program.includes(piece) }).toEqual({ piece, isThere: true });
});

test("the versions that are needed are those that the project checks", () => {
  const { engines } = JSON.parse(textOf("package.json")) as { engines: { node: string } };
  expect(readme).toContain(`Node.js ≥ ${engines.node.replace(">=", "")}`);
  const [, terraform] = /TERRAFORM_VERSION = ">= (\d+\.\d+)/.exec(textOf("infra/cdktf.ts"))!;
  expect(readme).toContain(`Terraform ≥ ${terraform}`);
});

test("the deployment file that is shown is valid", () => {
  const [, yaml] = /^```yaml\n([^]*?)^```/m.exec(readme)!;
  expect(parseSettings("README.md", yaml!).airflow.requirements).toContain("pandas>=2.3,<3");
});

function parametersIn(text: string): string[] {
  return [...text.matchAll(/\b([A-Z][A-Z_]+)=/g)].map(([, name]) => name!);
}
