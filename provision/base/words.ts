import { UserError } from "./errors";

/**
 * Splits text into words as a POSIX shell would. It does nothing else that a shell does: `$`, `*`, `;`, `|`, `>` are
 * ordinary characters. @throws UserError if a quote is not closed
 */
export function words(text: string): string[] {
  const found: string[] = [];
  let rest = text.trimStart();
  while (rest) {
    const word = /^(?:[^\s'"\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+/.exec(rest)?.[0] ?? "";
    if (word.length < rest.length && !/\s/.test(rest[word.length]!)) {
      const what = rest[word.length] === "\\" ? "ends with a \\" : `has a ${rest[word.length]} that is never closed`;
      throw new UserError(`the command ${what}: ${text}`, "check its quotes and backslashes: they work as in a shell");
    }
    found.push(word.replace(/\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g, unquote));
    rest = rest.slice(word.length).trimStart();
  }
  return found;
}

/** Between double quotes a backslash escapes only `$`, a backquote, `"`, a backslash and a new line, as in POSIX. */
const unquote = (_all: string, escaped?: string, single?: string, double?: string): string =>
  (escaped === "\n" ? "" : escaped) ??
  single ??
  double!.replace(/\\([$`"\\\n])/g, (_, c: string) => (c === "\n" ? "" : c));
