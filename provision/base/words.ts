import { UserError } from "./errors";

/**
 * Splits text into words as a POSIX shell would, and does nothing else a shell does: `$`, `*`, `;`, `|`, `>` are
 * ordinary characters.
 */
export function words(text: string): string[] {
  const found: string[] = [];
  let rest = text.trimStart();
  while (rest) {
    const word = /^(?:[^\s'"\\]|\\[^]|'[^']*'|"(?:[^"\\]|\\[^])*")+/.exec(rest)?.[0] ?? "";
    if (word.length < rest.length && !/\s/.test(rest[word.length]!)) {
      const what = rest[word.length] === "\\" ? "ends with a \\" : `has a ${rest[word.length]} that is never closed`;
      throw new UserError(`the command ${what}: ${text}`, "words are split as a shell does it");
    }
    found.push(word.replace(/\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"/g, unquote));
    rest = rest.slice(word.length).trimStart();
  }
  return found;
}

/** Between double quotes a backslash protects only what would be special there. */
const unquote = (_all: string, escaped?: string, single?: string, double?: string): string =>
  (escaped === "\n" ? "" : escaped) ??
  single ??
  double!.replace(/\\([$`"\\\n])/g, (_, c: string) => (c === "\n" ? "" : c));
