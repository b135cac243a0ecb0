import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { Interrupted } from "./errors";

/** The one module that prints: results go to stdout, everything about the way there to stderr. */

const isTerminal = (): boolean => process.stderr.isTTY === true;

/** Remote text is shown without control characters: no host may drive the operator's terminal. */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");

/** A result: what the verb was asked for. */
export const print = (text: string): void => {
  clearStatus();
  process.stdout.write(`${text}\n`);
};

/** Streams for what a host prints, as it comes. */
export const remoteOutput = (): Writable => printableStream((text) => process.stdout.write(text));
export const remoteErrors = (): Writable => printableStream((text) => process.stderr.write(text));

function printableStream(write: (text: string) => boolean): Writable {
  // A character may arrive in two pieces.
  const decoder = new StringDecoder("utf8");
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => (write(printable(decoder.write(chunk))), done()),
  });
}

// `make logs | head` closes the pipe: nobody reads on, which is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

/** Progress, on stderr. */
export const say = (text: string): void => {
  clearStatus();
  process.stderr.write(`${text}\n`);
};

let status = "";

/** One line that the next output replaces; only on a terminal. */
export const showStatus = (text: string): void => {
  if (!isTerminal()) return;
  clearStatus();
  status = text.slice(0, (process.stderr.columns ?? 80) - 1);
  process.stderr.write(status);
};

export const clearStatus = (): void => {
  if (status) process.stderr.write("\r\x1b[K");
  status = "";
};

/** Somebody is there to answer a question. */
export const canAsk = (): boolean => process.stdin.isTTY === true && isTerminal();

/** The answer to a question on the terminal; Ctrl-C and the end of input are an interruption. */
export async function ask(question: string): Promise<string> {
  clearStatus();
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once("close", () => reject(new Interrupted("interrupted")));
      terminal.question(question).then(resolve, reject);
    });
  } finally {
    terminal.close();
  }
}

/** Seconds for people: `0.4 s`, `12 s`, `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Bytes for people: `812 B`, `3.4 MiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
