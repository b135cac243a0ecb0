import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { Interrupted } from "./errors";
import { printable } from "./text";

/**
 * Where a verb shows what it does. Results go to standard output, everything about the way there to standard error.
 * Whatever is shown loses its control characters here, so that no host, server or DAG drives the operator's terminal.
 */
export interface Screen {
  /** Shows a result: what the verb was asked for. */
  print(text: string): void;
  /** Shows progress, on standard error. */
  say(text: string): void;
  /** Shows a line that the next output replaces; nothing where there is no terminal. */
  status(text: string): void;
  /** Takes the status line away. */
  clearStatus(): void;
  /** The same screen for one of several hosts that are worked on side by side: its lines begin with the name. */
  part(name: string): Screen;
  /** Streams for what a host prints, as it comes. */
  readonly output: () => Writable;
  readonly errors: () => Writable;
  /** Somebody is there to answer a question. */
  canAsk(): boolean;
  /** The answer to a question. @throws Interrupted at Ctrl-C and at the end of input */
  ask(question: string): Promise<string>;
}

/** The one screen of this process: its standard output and standard error. */
export function makeScreen(): Screen {
  const isTerminal = (): boolean => process.stderr.isTTY === true;
  const statuses = new Map<string, string>();
  let shown = "";

  const hide = (): void => {
    if (shown) process.stderr.write("\r\x1b[K");
    shown = "";
  };
  const show = (): void => {
    if (!isTerminal() || statuses.size === 0) return;
    shown = [...statuses.values()].join(" · ").slice(0, (process.stderr.columns ?? 80) - 1);
    process.stderr.write(shown);
  };
  /** One host's line must not take another's status away. */
  const write = (name: string, text: string, to: NodeJS.WriteStream): void => {
    hide();
    statuses.delete(name);
    to.write(`${prefixed(name, printable(text))}\n`);
    show();
  };
  const part = (name: string): Screen => ({
    print: (text) => write(name, text, process.stdout),
    say: (text) => write(name, text, process.stderr),
    status: (text) => {
      hide();
      statuses.set(name, prefixed(name, printable(text).split("\n")[0]!));
      show();
    },
    clearStatus: () => {
      hide();
      statuses.delete(name);
      show();
    },
    part: (inner) => part(name ? `${name} ${inner}` : inner),
    output: () => printableStream((text) => process.stdout.write(text)),
    errors: () => printableStream((text) => process.stderr.write(text)),
    canAsk: () => process.stdin.isTTY === true && isTerminal(),
    ask: async (question) => {
      hide();
      return askOnTerminal(prefixed(name, printable(question)));
    },
  });
  return part("");
}

const prefixed = (name: string, text: string): string => (name ? text.replace(/^(?=.)/gm, `${name}: `) : text);

function printableStream(write: (text: string) => boolean): Writable {
  // A character may arrive in two pieces.
  const decoder = new StringDecoder("utf8");
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => (write(printable(decoder.write(chunk))), done()),
  });
}

async function askOnTerminal(question: string): Promise<string> {
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

// `make logs | head` closes the pipe: nobody reads on, which is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
