import { Document, LineCounter, YAMLMap, isMap, isScalar, parseDocument } from "yaml";
import { UserError } from "../base/errors";
import { SECRETS, SECRET_NAMES, Secrets } from "./secret-names";

/** The decrypted file is a YAML map of names to texts. No function here puts a value into an error. */

/** Parses the values by name. Names may be missing: `complete` adds them. @throws UserError: one for all problems */
export function parseSecrets(source: string, text: string): Partial<Secrets> {
  const lines = new LineCounter();
  const document = documentOf(text, lines);
  const lineOf = (offset = 0): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    // The parser's own messages are not shown, because they quote the text.
    throw invalid(
      source,
      document.errors.map(({ pos, code }) => `line ${lineOf(pos[0])}: not YAML (${code})`),
    );
  }
  if (document.contents === null) return {};
  if (!isMap(document.contents)) throw invalid(source, ["must be a map of names to values"]);
  const problems: string[] = [];
  const secrets: Record<string, string> = {};
  for (const { key, value } of document.contents.items) {
    const where = `line ${lineOf(isScalar(key) ? key.range?.[0] : 0)}:`;
    const name = isScalar(key) ? String(key.value) : "";
    if (!/^[a-z][a-z0-9_]*$/.test(name))
      problems.push(`${where} a name must be lower-case letters, digits and _, beginning with a letter`);
    else if (!isScalar(value)) problems.push(`${where} ${name} must be a single text`);
    else if (!value.value) problems.push(`${where} ${name} is empty`);
    else secrets[name] = String(value.value);
    const known = Object.hasOwn(SECRETS, name) ? SECRETS[name as keyof typeof SECRETS] : undefined;
    if (known && secrets[name] !== undefined && !known.valid.test(secrets[name])) {
      problems.push(`${where} ${name} must ${known.must}`);
    }
  }
  if (problems.length > 0) throw invalid(source, problems);
  return secrets as Partial<Secrets>;
}

/** Generates the missing secrets and adds them to the text; existing entries and comments stay as they are. */
export function complete(text: string): { readonly text: string; readonly created: readonly string[] } {
  const document = documentOf(text);
  const created = SECRET_NAMES.filter((name) => !document.has(name));
  if (created.length === 0) return { text, created };
  if (!isMap(document.contents)) document.contents = new YAMLMap() as never;
  for (const name of created) document.set(name, SECRETS[name].generate());
  return { text: document.toString({ lineWidth: 0 }), created };
}

/** With the failsafe schema every value is a text: a password 0123 or yes stays what it is. */
const documentOf = (text: string, lineCounter?: LineCounter): Document.Parsed =>
  parseDocument(text, {
    schema: "failsafe",
    prettyErrors: false,
    ...(lineCounter && { lineCounter }),
  });

const invalid = (source: string, problems: readonly string[]) =>
  new UserError(
    problems.length === 1 ? `${source}: ${problems[0]}` : [`${source} is not valid:`, ...problems].join("\n  "),
    "give one `name: value` on each line; nothing was written",
  );
