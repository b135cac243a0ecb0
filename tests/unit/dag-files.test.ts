import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDags } from "../../provision/release/dag-files";

const folder = (files: Record<string, string>): string => {
  const made = mkdtempSync(join(tmpdir(), "dags-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
  return made;
};

test("a folder is read without bytecode and hidden files", () => {
  const dags = folder({ "a.py": "a", ".env": "SECRET=1", ".airflowignore": "x" });
  expect(readDags(dags).files.map(({ path }) => path)).toEqual([".airflowignore", "a.py"]);
});

test.each([
  ["a folder that is not there", () => "/nope", /^\/nope is not a folder$/],
  ["a file", () => join(folder({ "a.py": "" }), "a.py"), /a\.py is not a folder$/],
  ["a folder without a DAG", () => folder({ "a.txt": "" }), /^there is no DAG in /],
  ["a name with a line break", () => folder({ "a\nb.py": "" }), /cannot be called "a\\nb\.py"$/],
])("%s is an error", (_name, dags, message) => expect(() => readDags(dags())).toThrow(message));

test("a link is an error, wherever it leads", () => {
  const dags = folder({ "a.py": "" });
  symlinkSync("/etc/passwd", join(dags, "b.py"));
  expect(() => readDags(dags)).toThrow(/b\.py is not a plain file$/);
});
