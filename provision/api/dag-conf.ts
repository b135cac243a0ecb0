import { readFileSync } from "node:fs";
import { UserError } from "../base/errors";

const HINT = `like CONF='{"day": "2026-01-31"}', or CONF=@file.json`;

/** Reads CONF: a JSON object, or `@file` for a file with one. Without CONF it is an empty object. */
export function readConf(conf: string | undefined): Record<string, unknown> {
  if (!conf?.startsWith("@")) return parseConf("CONF", conf ?? "");
  const file = conf.slice(1);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new UserError(`cannot read ${file || "the file of CONF=@"}: ${(cause as Error).message}`, HINT, { cause });
  }
  return parseConf(file, text.replace(/^\ufeff/, ""));
}

/** @throws UserError with line and column if the text is not a JSON object */
export function parseConf(source: string, text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${source} is not JSON: ${place(text, jsonErrorAt(text))}`, HINT);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  const what = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new UserError(`${source} must be a JSON object, not ${what}`, HINT);
}

function place(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  const where = `line ${before.length}, column ${before.at(-1)!.length + 1}`;
  return `${where}: ${offset >= text.length ? "it ends too early" : `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(offset)!))}`}`;
}

// eslint-disable-next-line no-control-regex -- JSON allows none of them in a string
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Offset of the first character that cannot belong to JSON. JSON.parse does not always tell it, and words it differently in each version of Node. */
export function jsonErrorAt(text: string): number {
  let at = 0;
  const space = (): void => void (at += /^\s*/.exec(text.slice(at))![0].length);
  const take = (token: RegExp): boolean => {
    token.lastIndex = at;
    const isThere = token.test(text);
    if (isThere) at = token.lastIndex;
    return isThere;
  };
  const expect = (char: string): boolean => (space(), text[at] === char && ((at += 1), true));
  const items = (end: string, item: () => boolean): boolean => {
    at += 1;
    if (expect(end)) return true;
    do if (!item()) return false;
    while (expect(","));
    return expect(end);
  };
  const string = (): boolean => {
    space();
    return take(STRING);
  };
  const value = (): boolean => {
    space();
    if (text[at] === "{") return items("}", () => string() && expect(":") && value());
    if (text[at] === "[") return items("]", value);
    return take(STRING) || take(SCALAR);
  };
  if (value()) space();
  return at;
}
