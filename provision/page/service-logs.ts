import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { distance } from "fastest-levenshtein";
import { UserError } from "../base/errors";
import { Command, sh } from "../base/shell";
import { withoutControls } from "../base/text";
import { compose } from "../steps/compose";
import { CURRENT, SERVICES } from "../release/wanted";

/** A command that prints the logs of one service, or of all of them, for `SortedLogs`. If it follows them, it ends with the connection. */
export function logsCommand(service: string | undefined, lines: string | undefined, follow: boolean): Command {
  const known: readonly string[] = SERVICES;
  if (service && !known.includes(service)) {
    const [closest] = [...known].sort((a, b) => distance(service, a) - distance(service, b));
    throw new UserError(
      `there is no service ${service}`,
      `did you mean ${closest}? the services are ${known.join(", ")}`,
    );
  }
  if (lines && !/^(\d{1,9}|all)$/.test(lines))
    throw new UserError(`LINES=${lines} is not a number of lines`, "like LINES=500, or LINES=all");
  const options = ["--no-color", "--timestamps", `--tail=${lines || 100}`, ...(service ? [service] : [])];
  const logs = sh`${compose(`${CURRENT}/compose.yaml`)} logs ${options}`;
  // sshd does not tell a command without a terminal that the connection is lost. cat notices: its standard input ends.
  return follow ? sh`${logs} --follow & cat; kill $!` : logs;
}

/** What Docker's time and a service's own stand before, as compose prints it: `scheduler-1  | 2026-11-26T16:45:22.96Z text`. */
const LINE = /^([a-z-]+?)(?:-\d+)?\s*\| (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+)Z ?(.*)$/;
/** A service writes the time, too; Docker's, which all have, stands before it already. */
const OWN_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+(?:Z| UTC) ?/;
/** In milliseconds: compose prints what is there already without a longer pause. */
const SILENCE = 300;

interface Entry {
  readonly time: string;
  readonly text: string;
}

/**
 * Compose prints service after service. This prints the newest `count` lines of all of them by time, and every line that comes
 * later as it comes.
 */
export class SortedLogs extends Writable {
  private readonly decoder = new StringDecoder("utf8");
  private rest = "";
  private early: Entry[] | undefined = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly to: Writable,
    private readonly count: number,
  ) {
    super();
  }

  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    const lines = (this.rest + this.decoder.write(chunk)).split("\n");
    this.rest = lines.pop()!;
    for (const line of lines) this.add(withoutControls(line));
    clearTimeout(this.timer);
    if (this.early) this.timer = setTimeout(() => this.flush(), SILENCE);
    done();
  }

  /** Prints what waited to be sorted. */
  flush(): void {
    clearTimeout(this.timer);
    if (this.rest) this.add(withoutControls(this.rest));
    this.rest = "";
    const entries = this.early ?? [];
    this.early = undefined;
    // The sort is stable: lines of the same moment keep their order.
    entries.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    for (const { text } of entries.slice(-this.count)) this.to.write(text);
  }

  private add(line: string): void {
    const [, service, time, text] = LINE.exec(line) ?? [];
    // Compose's own words have no time: they keep their place.
    const previous = this.early?.at(-1)?.time ?? "";
    const entry = time
      ? {
          time,
          text: `${time.slice(0, 10)} ${time.slice(11, 19)} ${service!.padEnd(13)} ${text!.replace(OWN_TIME, "")}\n`,
        }
      : { time: previous, text: `${line}\n` };
    if (this.early) this.early.push(entry);
    else this.to.write(entry.text);
  }
}
