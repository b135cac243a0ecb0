import { createTwoFilesPatch } from "diff";
import { Fact, stable } from "../change/fact";
import type { Action } from "../change/planning";
import { sh } from "../base/shell";

interface FileOptions {
  /** @default "0644" */
  readonly mode?: string;
  /** @default "root:root" */
  readonly owner?: string;
  /** What the host has now, for the plan's diff. */
  readonly found?: string | undefined;
}

/** A file's text; undefined if the file is missing. */
export const fileText = (path: string): Fact<string | undefined> =>
  stable(sh`cat ${path}`, ({ code, stdout }) => (code === 0 ? stdout : undefined));

/** Writes a file completely or not at all. It must not hold secrets, because `make plan` shows its content. */
export const writeFile = (
  path: string,
  content: string,
  { mode = "0644", owner = "root:root", found }: FileOptions = {},
): Action => ({
  summary: `write ${path}`,
  command: sh`mkdir -p "$(dirname ${path})"
umask 077
cat > ${`${path}.new`}
chown ${owner} ${`${path}.new`}
chmod ${mode} ${`${path}.new`}
mv ${`${path}.new`} ${path}`,
  stdin: content,
  detail: diffOf(path, found, content),
});

/** A unified diff without its header. */
export function diffOf(path: string, found: string | undefined, wanted: string): string {
  if (found === undefined) return "it is missing";
  const lines = createTwoFilesPatch(path, path, found, wanted, "", "", { context: 2 }).split("\n");
  return lines
    .slice(lines.findIndex((line) => line.startsWith("@@")))
    .join("\n")
    .trimEnd();
}
