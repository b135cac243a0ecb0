import { createHash } from "node:crypto";
import { Writable } from "node:stream";
import { UserError } from "../base/errors";
import { Command, script, sh } from "../base/shell";
import type { Host } from "../link/host";
import type { Fact, RawFact } from "./fact";
import { runAsRoot, spaceHint } from "./root";

// An argument may have 128 KiB at most, and with `sh -s` a command could read the rest of the script as its own input:
// so the script goes into a file on tmpfs.
const READ = script(`umask 077
d=$(mktemp -d /run/airflow-facts.XXXXXX) || exit
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT PIPE TERM
cat > "$d/script" && cd / && timeout --kill-after=5 "$1" /bin/sh "$d/script" "$d" < /dev/null && exit
code=$?
case $code in 124 | 137) cd "$d" && for out in *.out; do [ -e "\${out%.out}.code" ] || echo "\${out%.out}"; done >&2 ;; esac
exit $code`);

/** How long reading may take, in seconds: a program that waits for a dead dockerd or a lost disk never ends by itself. */
const LIMIT = 120;

/**
 * Reads facts in one round trip; the host reads all of them at once.
 * @param limit seconds @param first runs before all of them
 */
export async function readRaw(
  host: Host,
  facts: readonly Fact<unknown>[],
  { limit = LIMIT, first = sh`:` }: { readonly limit?: number; readonly first?: Command } = {},
): Promise<RawFact[]> {
  if (facts.length === 0) return [];
  const files = facts.flatMap((_fact, i) => [`${i}.out`, `${i}.err`]);
  // The shell's own commands do most of the work: starting a program takes longer than reading most facts.
  const reading = [
    first.text,
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
  const { code, stderr } = await runAsRoot(host, READ, [String(limit)], { stdin: reading, stdout });
  // timeout ends with 124, or with 137 if it had to kill.
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
      `cannot read the state of ${host.name}: ${stderr.trim() || `exit code ${code}`}`,
      spaceHint(stderr),
    );
  return parseFrames(Buffer.concat(chunks), facts);
}

/** Parses all exit codes, one a line; then the sizes of each fact's output and errors, one a line; then these texts. */
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
