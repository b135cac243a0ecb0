import { age, duration, indent, printable, size } from "../../provision/base/text";

test.each([
  ["plain\ttext\nnext", "plain\ttext\nnext"],
  ["\x1b[31mred\x1b[0m", "red"],
  ["\x1b[2J\x1b[1;1Hcleared", "cleared"],
  ["overwritten\rby this", "overwrittenby this"],
  ["bell\x07 nul\0 del\x7f csi\x9b31m", "bell nul del csi31m"],
  ["naïve – ✓", "naïve – ✓"],
  ["evil\u202egnp.exe \u2066x\u2069 \u200f", "evilgnp.exe x \u200f"],
  ["one\u2028line", "oneline"],
])("%j is shown as %j", (text, shown) => expect(printable(text)).toBe(shown));
test("no title, clipboard or colour sequence keeps its escape", () => {
  expect(printable("\x1b]0;title\x07 \x1b]52;c;AAAA\x1b\\ \x1bc")).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/); // eslint-disable-line no-control-regex
});

test.each([
  [0, "0 s"],
  [0.44, "0.4 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.6, "1 min 0 s"],
  [125, "2 min 5 s"],
])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test.each([
  [0, "0 B"],
  [812, "812 B"],
  [1024, "1.0 KiB"],
  [3.4 * 1024 ** 2, "3.4 MiB"],
  [1024 ** 5, "1024.0 TiB"],
])("%d bytes are %s", (bytes, text) => expect(size(bytes)).toBe(text));

test.each([
  [-5, "0 s"],
  [119, "119 s"],
  [120, "2 min"],
  [7200, "2 hours"],
  [2 * 86_400, "2 days"],
])("%d seconds ago is %s", (seconds, text) => expect(age(seconds)).toBe(text));

test("every line that is not empty is indented", () => expect(indent("a\n\nb", 2)).toBe("  a\n\n  b"));
