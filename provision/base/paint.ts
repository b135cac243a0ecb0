import { createColors } from "picocolors";

type Paint = (line: string) => string;

/** What colours mean: red fails, yellow needs care, cyan is what to do next, green and red are what comes and goes. */
function paintLine(colors: ReturnType<typeof createColors>, line: string): string {
  const [, label, rest] = /^(error|warning|hint|next): (.*)$/s.exec(line) ?? [];
  if (label === "error") return `${colors.bold(colors.red("error:"))} ${rest}`;
  if (label === "warning") return `${colors.yellow("warning:")} ${rest}`;
  if (label) return `${colors.cyan(`${label}:`)} ${rest}`;
  if (line.startsWith("— ")) return colors.bold(line);
  // Readers of secrets stand 2 to the right, and diffs 8; what is further right is a diff's context, which may be a list.
  if (/^( {2}| {8})\+/.test(line)) return colors.green(line);
  if (/^( {2}| {8})[-−]/.test(line)) return colors.red(line);
  return line;
}

/**
 * Returns how the lines of a stream are coloured: not at all if it is no terminal, or NO_COLOR is set (https://no-color.org);
 * FORCE_COLOR colours a pipe, too.
 */
export function painter(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Paint {
  const isForced = Boolean(env["FORCE_COLOR"]) && env["FORCE_COLOR"] !== "0";
  const isOn = !env["NO_COLOR"] && (isForced || (stream.isTTY === true && env["TERM"] !== "dumb"));
  if (!isOn) return (text) => text;
  const colors = createColors(true);
  return (text) =>
    text
      .split("\n")
      .map((line) => paintLine(colors, line))
      .join("\n");
}

/** A status line, less bright than what stays. */
export const dim = (stream: { readonly isTTY?: boolean }, text: string): string =>
  createColors(stream.isTTY === true && !process.env["NO_COLOR"]).dim(text);
