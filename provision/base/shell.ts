/** Text that is safe to hand to a POSIX shell. `sh` makes it of text and values, `script` of text alone. */
export class Command {
  /** A lint rule forbids calls outside of this file. */
  constructor(readonly text: string) {}
}

/** How a command ended. */
export interface Result {
  /** The exit code; -1 if the command ended without one (by a signal, for example), which is always a failure. */
  readonly code: number;
  /** What the command printed; empty if its output went to a stream. */
  readonly stdout: string;
  /** The same for standard error. */
  readonly stderr: string;
}

export type Argument = string | number | Command | readonly (string | number | Command)[];

/** Builds a command: values are quoted, a list becomes one word for each item, nested commands stay as they are. */
export function sh(parts: TemplateStringsArray, ...args: Argument[]): Command {
  return new Command(parts.reduce((text, part, i) => text + quoted(args[i - 1]!) + part));
}

/** Makes a command of a text without quoting: only for this project's own scripts, never for a value from elsewhere. */
export const script = (text: string): Command => new Command(text);

/** Joins commands into a script for `sh -e`, one on each line. */
export function lines(...commands: readonly Command[]): Command {
  return new Command(commands.map(({ text }) => text).join("\n"));
}

/** `NAME=value …`, to be put before a command. A name whose value is undefined is left out. */
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
