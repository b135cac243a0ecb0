import { createHash } from "node:crypto";
import { Writable } from "node:stream";
import { UserError } from "../base/errors";
import type { Host, Result, RunOptions } from "../link/host";
import { printable } from "../base/output";
import { Command, sh } from "../base/shell";

/** How to read one piece of a host's state: a command that changes nothing and a pure parser that never fails because a thing is absent. */
export interface Fact<T> {
  /** Run by root with /bin/sh, standard input empty, its working directory /. */
  readonly command: Command;
  /**
   * `stable`: part of what a plan was made from; a change refuses to start when its raw output is another by then.
   * `live`: moves by itself (clock, free disk, health, uptime), never compared.
   */
  readonly kind: "stable" | "live";
  parse(result: Result): T;
}

export type Facts<T extends object> = { readonly [K in keyof T]: Fact<T[K]> };

export const stable = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({
  command,
  kind: "stable",
  parse,
});
export const live = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({ command, kind: "live", parse });

/** Facts and changes run with the same environment, whoever's sudo it is. */
export const ENVIRONMENT = [
  "HOME=/root",
  "LC_ALL=C.UTF-8",
  "TMPDIR=/var/tmp",
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "DEBIAN_FRONTEND=noninteractive",
  "NEEDRESTART_SUSPEND=1",
] as const;

/** Runs text as root on the host, in ENVIRONMENT; `text` may read standard input. Needs sudo without a password. */
export async function runAsRoot(
  host: Host,
  text: Command,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Result> {
  const result = await host.run(sh`sudo -n env -i ${ENVIRONMENT} /bin/sh -c ${text.text} sh ${args}`, options);
  if (result.code !== 0 && /^sudo: /m.test(result.stderr)) {
    throw new UserError(
      `${host.name} may not use sudo without a password: ${printable(result.stderr.trim().split("\n")[0]!)}`,
      "give the user passwordless sudo: ALL=(ALL) NOPASSWD:ALL in /etc/sudoers.d",
    );
  }
  return result;
}

/** What one fact's command printed, and the digest by which a change recognizes it. */
export interface RawFact {
  readonly fact: Fact<unknown>;
  readonly result: Result;
  readonly digest: string;
}

// A single argument is capped at 128 KiB and `sh -s` lets a command eat the script: it goes into a file on tmpfs.
const READ = new Command(`umask 077
d=$(mktemp -d /run/airflow-facts.XXXXXX) || exit
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cat > "$d/script" && cd / && timeout --kill-after=5 "$1" /bin/sh "$d/script" "$d" < /dev/null && exit
code=$?
case $code in 124 | 137) cd "$d" && for out in *.out; do [ -e "\${out%.out}.code" ] || echo "\${out%.out}"; done >&2 ;; esac
exit $code`);

/** Seconds that reading may take: a program that waits for a dead dockerd or a lost disk never ends by itself. */
const LIMIT = 120;

/** Reads facts in one round trip, side by side on the host. @param limit seconds */
export async function readRaw(host: Host, facts: readonly Fact<unknown>[], limit = LIMIT): Promise<RawFact[]> {
  if (facts.length === 0) return [];
  const files = facts.flatMap((_fact, i) => [`${i}.out`, `${i}.err`]);
  // Few programs, many builtins: starting one costs more than most facts do.
  const script = [
    ...facts.map(
      ({ command }, i) => `{ (\n${command.text}\n) > "$1/${i}.out" 2> "$1/${i}.err"; echo $? > "$1/${i}.code"; } &`,
    ),
    "wait",
    'cd "$1"',
    `i=0; while [ $i -lt ${facts.length} ]; do read -r code < $i.code; echo "$code"; i=$((i + 1)); done`,
    `stat -c %s ${files.join(" ")}`,
    `cat ${files.join(" ")}`,
  ].join("\n");
  const chunks: Buffer[] = [];
  const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(chunk), done()) });
  const { code, stderr } = await runAsRoot(host, READ, [String(limit)], { stdin: script, stdout });
  // What timeout says of itself, or of the kill after it.
  if (code === 124 || code === 137) {
    const hanging = facts.filter((_fact, i) => stderr.split("\n").includes(String(i)));
    const commands = hanging.map(({ command }) => command.text.split("\n")[0]!.slice(0, 60));
    throw new UserError(
      `the state of ${host.name} cannot be read in ${limit} s; what does not end there: ${commands.join("; ")}`,
      "is Docker, or a disk, stuck on the host? mend that, then run the same verb again",
    );
  }
  if (code !== 0)
    throw new UserError(
      `cannot read the state of ${host.name}: ${printable(stderr.trim()) || `exit code ${code}`}`,
      spaceHint(stderr),
    );
  return parseFrames(Buffer.concat(chunks), facts);
}

/** What helps where a disk of the host is full. */
export const spaceHint = (stderr: string): string | undefined =>
  /no space left/i.test(stderr) ? "free some space on the host, then run the same verb again" : undefined;

/** All exit codes, a line each; the sizes of each one's output and errors, a line each; then these, one after the other. */
function parseFrames(output: Buffer, facts: readonly Fact<unknown>[]): RawFact[] {
  let at = 0;
  const number = (): number => {
    const end = output.indexOf("\n", at);
    const text = output.toString("latin1", at, end);
    if (end < 0 || !/^\d+$/.test(text))
      throw new Error(`facts came back garbled: ${JSON.stringify(text.slice(0, 80))}`);
    at = end + 1;
    return Number(text);
  };
  const codes = facts.map(number);
  const sizes = facts.map(() => [number(), number()] as const);
  if (output.length !== at + sizes.flat().reduce((sum, bytes) => sum + bytes, 0))
    throw new Error("facts came back garbled: their sizes are wrong");
  const take = (bytes: number): Buffer => output.subarray(at, (at += bytes));
  return facts.map((fact, i) => {
    const code = codes[i]!;
    const [stdout, stderr] = [take(sizes[i]![0]), take(sizes[i]![1])];
    const digest = createHash("sha256").update(`${code}\n`).update(stdout).digest("hex");
    return { fact, digest, result: { code, stdout: stdout.toString(), stderr: stderr.toString() } };
  });
}
