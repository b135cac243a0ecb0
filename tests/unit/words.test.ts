import { words } from "../../provision/base/words";

test.each<[text: string, words: string[]]>([
  ["", []],
  ["  dags   list ", ["dags", "list"]],
  ["dags list -o json", ["dags", "list", "-o", "json"]],
  [`variables set note "it is 'it'"`, ["variables", "set", "note", "it is 'it'"]],
  [`variables set note 'say "no"'`, ["variables", "set", "note", 'say "no"']],
  [`--conf='{"a": "b c"}'`, ['--conf={"a": "b c"}']],
  ["a\\ b c", ["a b", "c"]],
  ['"a\\"b\\\\c\\d"', ['a"b\\c\\d']],
  [`a"b"'c'd`, ["abcd"]],
  [`'' ""`, ["", ""]],
  ["a\\\nb", ["ab"]],
  ["line\nbreak\ttab", ["line", "break", "tab"]],
])("%j is split as a shell would", (text, expected) => expect(words(text)).toEqual(expected));

test("nothing is expanded or run", () => {
  expect(words("$HOME *.py; rm -rf / | cat > x `id` $(id) ~ # no & comment")).toEqual(
    "$HOME *.py; rm -rf / | cat > x `id` $(id) ~ # no & comment".split(" "),
  );
});

test.each([
  ["dags list 'x", "has a ' that is never closed"],
  ['dags "list', 'has a " that is never closed'],
  ["dags list\\", "ends with a \\"],
])("%j is refused", (text, message) => expect(() => words(text)).toThrow(message));
