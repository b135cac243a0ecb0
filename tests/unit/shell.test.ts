import { make } from "../../provision/base/commands";
import { execFileSync } from "node:child_process";
import { lines, sh } from "../../provision/base/shell";

test.each([
  "plain",
  "with space",
  "it's",
  "'",
  "$HOME",
  "`id`",
  "a\nb",
  "",
  "*",
  "--",
  "é",
  "~",
  "\\",
  "a;b",
  "#x",
  "!1",
  "{a,b}",
])("%j reaches a real sh as one word", (word) => {
  expect(execFileSync("sh", ["-c", sh`printf %s ${word}`.text]).toString()).toBe(word);
  expect(execFileSync("sh", ["-c", sh`printf '[%s]' ${["a", word]}`.text]).toString()).toBe(`[a][${word}]`);
});
test("commands nest, also quoted once more for an inner sh", () => {
  const inner = sh`printf %s ${"it's $5"}`;
  expect(sh`${inner} && d ${["x", "y z", 3]}`.text).toBe("printf %s 'it'\\''s $5' && d x 'y z' 3");
  expect(execFileSync("sh", ["-c", sh`sh -c ${inner.text}`.text]).toString()).toBe("it's $5");
});
test("an empty list is no word", () => expect(sh`ls ${[]}`.text).toBe("ls "));
test("a NUL byte is refused", () => expect(() => sh`echo ${"a\0b"}`).toThrow("NUL"));
test("lines of a script run one after the other", () => {
  expect(execFileSync("sh", ["-e"], { input: lines(sh`echo ${"a b"}`, sh`echo c`).text }).toString()).toBe("a b\nc\n");
});

test("a value in a hint is quoted for whoever pastes it, and drives no terminal", () => {
  const [dag, task] = ["etl", "$(reboot)\u001b[2J\u202e;\nx"];
  expect(make`see it: make logs DAG=${dag} TASK=${task}`).toBe(
    "see it: make logs DAG=etl TASK='$(reboot);  x'".replace("  ", " "),
  );
});
