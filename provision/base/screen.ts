import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { DEFAULT_DEPLOYMENT, pasteable } from "./commands";
import { Interrupted } from "./errors";
import { dim, painter } from "./paint";
import { duration, printable, withoutControls } from "./text";

/**
 * Where a verb shows what it does. Results go to standard output, progress and errors to standard error. Control
 * characters are removed here, so that no host, server or DAG can control the operator's terminal.
 */
export interface Screen {
  /** Shows a result, which is what the verb was asked for, on standard output. */
  print(text: string): void;
  /** Shows progress, on standard error. */
  say(text: string): void;
  /** Shows what the operator may do next, on standard error. Its commands are completed, so that they can be pasted. */
  advise(text: string): void;
  /**
   * Shows a line that the next output replaces, with the time for which it has been true. Without a terminal it shows nothing.
   * @param detail what is being done just now
   */
  status(text: string, detail?: string): void;
  /** Removes the status line. */
  clearStatus(): void;
  /** A screen for one of several hosts that are changed at the same time: its lines begin with this name. */
  part(name: string): Screen;
  /** Streams that show a host's output as it arrives, on standard output or standard error, instead of the status line. */
  readonly output: () => Writable;
  readonly errors: () => Writable;
  /** Whether there is a terminal on which somebody can answer a question. */
  canAsk(): boolean;
  /** Asks a question and returns the answer. @throws Interrupted at Ctrl-C and at the end of input */
  ask(question: string): Promise<string>;
}

/** The one screen of this process: its standard output and standard error. @param deployment what the verb acts on */
export function makeScreen(deployment = process.env["DEPLOYMENT"] || DEFAULT_DEPLOYMENT): Screen {
  const isTerminal = (): boolean => process.stderr.isTTY === true;
  const statuses = new Map<string, Status>();
  let shown = "";
  let clock: NodeJS.Timeout | undefined;

  const hide = (): void => {
    if (shown) process.stderr.write("\r\x1b[K");
    shown = "";
  };
  const show = (): void => {
    if (statuses.size === 0) {
      clearInterval(clock);
      clock = undefined;
    }
    if (!isTerminal() || statuses.size === 0) return;
    shown = [...statuses.values()]
      .map(describe)
      .join(" · ")
      .slice(0, (process.stderr.columns || 80) - 1);
    process.stderr.write(dim(process.stderr, shown));
    clock ??= setInterval(() => (hide(), show()), 1000).unref();
  };
  /** Shows a line of one host; the status lines of the other hosts stay. */
  const write = (name: string, text: string, to: NodeJS.WriteStream): void => {
    hide();
    statuses.delete(name);
    to.write(`${prefixed(name, painter(to)(printable(text)))}\n`);
    show();
  };
  const part = (name: string): Screen => ({
    print: (text) => write(name, text, process.stdout),
    say: (text) => write(name, text, process.stderr),
    advise: (text) => write(name, pasteable(text, deployment), process.stderr),
    status: (text, detail = "") => {
      hide();
      const line = prefixed(name, printable(text).split("\n")[0]!);
      const was = statuses.get(name);
      statuses.set(name, { text: line, detail: printable(detail), since: was?.text === line ? was.since : Date.now() });
      show();
    },
    clearStatus: () => {
      hide();
      // The end of the whole is the end of its parts.
      if (name === "") statuses.clear();
      else statuses.delete(name);
      show();
    },
    part: (inner) => part(name ? `${name} ${inner}` : inner),
    output: () => streamTo(process.stdout, hide),
    errors: () => streamTo(process.stderr, hide),
    canAsk: () => process.stdin.isTTY === true && isTerminal(),
    ask: async (question) => {
      hide();
      statuses.delete(name);
      return askOnTerminal(prefixed(name, printable(question)));
    },
  });
  return part("");
}

interface Status {
  readonly text: string;
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A moment is shown without its time, so that a quick verb does not flicker. */
function describe({ text, detail, since }: Status): string {
  const seconds = Math.floor((Date.now() - since) / 1000);
  return [text, ...(seconds >= 2 ? [duration(seconds)] : []), ...(detail ? [`· ${detail}`] : [])].join(" ");
}

const prefixed = (name: string, text: string): string => (name ? text.replace(/^(?=.)/gm, `${name}: `) : text);

/** A file gets the text as it is, but for control characters: marks of direction belong to Arabic and Hebrew. */
function streamTo(to: NodeJS.WriteStream, before: () => void): Writable {
  const shown = to.isTTY ? printable : withoutControls;
  // A character may arrive in two pieces.
  const decoder = new StringDecoder("utf8");
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => (before(), to.write(shown(decoder.write(chunk))), done()),
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

// A terminal that is closed must not end a verb that has to end something itself.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
});
// `make logs | head` closes the pipe when it has read enough: that is not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
