/** Text that is safe to hand to a POSIX shell. `sh` makes one from values, `script` from a text that holds none. */
export class Command {
  /** Only this file calls it (a lint rule). */
  constructor(readonly text: string) {}
}

/** What a command came to. */
export interface Result {
  /** The exit code; -1 if the command ended without one, which is a failure always. */
  readonly code: number;
  /** What it printed; empty where its output went to a stream. */
  readonly stdout: string;
  /** Likewise. */
  readonly stderr: string;
}

export type Argument = string | number | Command | readonly (string | number | Command)[];

/** Builds a command; every interpolated value is quoted, a list becomes words, nested commands stay as they are. */
export function sh(parts: TemplateStringsArray, ...args: Argument[]): Command {
  return new Command(parts.reduce((text, part, i) => text + quoted(args[i - 1]!) + part));
}

/** A command from a text as it stands: a script in a file of this project, never a value from elsewhere. */
export const script = (text: string): Command => new Command(text);

/** Commands one a line, as a script for `sh -e`. */
export function lines(...commands: readonly Command[]): Command {
  return new Command(commands.map(({ text }) => text).join("\n"));
}

/** `NAME=value …` for the front of a command; what is undefined stays unset. */
export const environment = (values: Readonly<Record<string, string | undefined>>): Command =>
  new Command(
    Object.entries(values)
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`]))
      .join(" "),
  );

function quoted(arg: Argument): string {
  if (arg instanceof Command) return arg.text;
  if (typeof arg === "object") return arg.map(quoted).join(" ");
  const text = String(arg);
  if (text.includes("\0")) throw new Error("a shell word cannot hold a NUL byte");
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
