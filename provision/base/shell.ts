/** Text that is safe to hand to a POSIX shell. Only `sh` and `script` make one. */
export class Command {
  constructor(readonly text: string) {}
}

export type Argument = string | number | Command | readonly (string | number | Command)[];

/** Builds a command; every interpolated value is quoted, a list becomes words, nested commands stay as they are. */
export function sh(parts: TemplateStringsArray, ...args: Argument[]): Command {
  return new Command(parts.reduce((text, part, i) => text + quoted(args[i - 1]!) + part));
}

/** Commands one a line, as a script for `sh -e`. */
export function lines(...commands: readonly Command[]): Command {
  return new Command(commands.map(({ text }) => text).join("\n"));
}

function quoted(arg: Argument): string {
  if (arg instanceof Command) return arg.text;
  if (typeof arg === "object") return arg.map(quoted).join(" ");
  const text = String(arg);
  if (text.includes("\0")) throw new Error("a shell word cannot hold a NUL byte");
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
