import type { Screen } from "../base/screen";
import { duration } from "../base/text";
import type { CompiledChange } from "./compile";
import { Summary, pastTense } from "./planning";

/** Turns the bytes of a change's log into lines for the operator. */
export class Progress {
  /** How many bytes of the log have arrived. */
  bytes = 0;
  /** What the driver said last, apart from the marks of actions. */
  note = "";
  private rest = Buffer.alloc(0);
  private output: string[] = [];
  private startedAt = 0;
  private toldAt = 0;
  /** The status line of the action that runs. */
  private current = "";

  constructor(
    private readonly change: CompiledChange,
    private readonly screen: Screen,
  ) {}

  take(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.rest = Buffer.concat([this.rest, chunk]);
    for (let end = this.rest.indexOf("\n"); end >= 0; end = this.rest.indexOf("\n")) {
      this.line(this.rest.subarray(0, end).toString());
      this.rest = this.rest.subarray(end + 1);
    }
  }

  /** What the current action says to do next, as its last line: `hint: …`. */
  lastHint(): string | undefined {
    return /^hint: (.+)$/.exec(this.output.at(-1) ?? "")?.[1];
  }

  /** The last lines that the current action has printed. */
  lastOutput(count = 20): string {
    const lines = this.lastHint() === undefined ? this.output : this.output.slice(0, -1);
    return (
      lines
        .slice(-count)
        .map((line) => `  ${line}`)
        .join("\n") || "  (it printed nothing)"
    );
  }

  private line(line: string): void {
    const mark = `::${this.change.about.id}:`;
    const at = line.indexOf(mark);
    if (at !== 0) this.print(at < 0 ? line : line.slice(0, at));
    if (at >= 0) this.mark(line.slice(at + mark.length));
  }

  private print(line: string): void {
    this.output.push(line);
    if (this.output.length > 200) this.output.splice(0, 100);
    if (process.env["VERBOSE"]) this.screen.say(`    ${line}`);
    else if (this.current && Date.now() - this.toldAt > 100) {
      this.toldAt = Date.now();
      this.screen.status(this.current, line.trim());
    }
  }

  private mark(text: string): void {
    const [word, index, code] = text.split(" ");
    const summary = this.change.about.actions[Number(index)];
    if (word === "start") {
      this.output = [];
      this.startedAt = Date.now();
      this.screen.status((this.current = `  … ${summary}`));
    } else if (word === "end") {
      this.current = "";
      if (code !== "0") return;
      const seconds = (Date.now() - this.startedAt) / 1000;
      this.screen.say(`  ${pastTense(summary as Summary)}${seconds > 1 ? ` (${duration(seconds)})` : ""}`);
    } else if (word !== "done") {
      this.note = text.slice(text.indexOf(" ") + 1);
    }
  }
}
