import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonErrorAt, parseConf, readConf } from "../../provision/api/dag-conf";

const folder = mkdtempSync(join(tmpdir(), "conf-"));

test.each<[conf: string | undefined, value: object]>([
  [undefined, {}],
  ["", {}],
  ["{}", {}],
  [
    '{"day": "2026-01-31", "n": [1, -2.5e3, null, {"x": true}]}',
    { day: "2026-01-31", n: [1, -2500, null, { x: true }] },
  ],
])("CONF=%s", (conf, value) => expect(readConf(conf)).toEqual(value));

test("CONF=@file is the file's content, to the byte", () => {
  const file = join(folder, "conf.json");
  writeFileSync(file, '\ufeff{"price": "$5"}\n');
  expect(readConf(`@${file}`)).toEqual({ price: "$5" });
});

test.each(["@/no/such/file.json", "@", `@${folder}`])("%s cannot be read, and says why", (conf) =>
  expect(() => readConf(conf)).toThrow(/^cannot read .*: E(NOENT|ISDIR)/),
);

test.each<[conf: string, message: string]>([
  ['{"a": x}', 'CONF is not JSON: line 1, column 7: unexpected "x"'],
  ["{a: 1}", 'CONF is not JSON: line 1, column 2: unexpected "a"'],
  ['{"a": 1', "CONF is not JSON: line 1, column 8: it ends too early"],
  ['{"a": 1,\n  "b": 2,\n}', 'CONF is not JSON: line 3, column 1: unexpected "}"'],
  ['{"a": 1} {}', 'CONF is not JSON: line 1, column 10: unexpected "{"'],
  ["{'a': 1}", `CONF is not JSON: line 1, column 2: unexpected "'"`],
  ["[1]", "CONF must be a JSON object, not a list"],
  ["5", "CONF must be a JSON object, not a number"],
  ["null", "CONF must be a JSON object, not null"],
  ['"x"', "CONF must be a JSON object, not a string"],
])("CONF=%s", (conf, message) => expect(() => parseConf("CONF", conf)).toThrow(message));

test("every prefix of valid JSON ends too early, and nothing before its end is unexpected", () => {
  const text = '{"a\\u00e9\\n": [true, false, null, -0.5E+7, ""], "b": {}}';
  expect(jsonErrorAt(text)).toBe(text.length);
  for (let end = 1; end < text.length; end++) {
    // A literal or string that is cut begins where it began.
    expect(text.slice(jsonErrorAt(text.slice(0, end)), end)).toMatch(/^("(\\.|[^"])*\\?|[a-z]*|-?[\d.E+]*)$/);
  }
});
