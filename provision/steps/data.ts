import { stable } from "../change/fact";
import type { Step } from "../change/planning";
import { Command, lines, sh } from "../base/shell";
import { DAG_RELEASES, RELEASES, SECRET_FILES, Wanted } from "../release/wanted";
import { DATA } from "../change/places";

interface Directory {
  readonly path: string;
  /** `uid:gid mode`, as `stat -c '%u:%g %a'` prints it. */
  readonly is: string;
}

/** Airflow runs as 50000:0 in its containers, Postgres as 999:999. */
const DIRECTORIES: readonly Directory[] = [
  { path: DATA, is: "0:0 755" },
  { path: `${DATA}/postgres`, is: "999:999 700" },
  { path: `${DATA}/logs`, is: "50000:0 775" },
  { path: `${DATA}/backups`, is: "0:0 700" },
  { path: `${DATA}/changes`, is: "0:0 700" },
  { path: RELEASES, is: "0:0 755" },
  { path: `${DATA}/dags`, is: "0:0 755" },
  { path: DAG_RELEASES, is: "0:0 755" },
  { path: SECRET_FILES, is: "0:0 750" },
];

/** Makes the directories that everything else lies in, with their owners and modes. */
export const data: Step<Wanted, { found: ReadonlyMap<string, string> }> = {
  name: "data",
  facts: () => ({
    found: stable(
      sh`stat -c '%n %u:%g %a' ${DIRECTORIES.map(({ path }) => path)} 2>/dev/null`,
      ({ stdout }) => new Map([...stdout.matchAll(/^(\S+) (.+)$/gm)].map(([, path, is]) => [path!, is!])),
    ),
  }),
  plan(_wanted, { found }) {
    const wrong = DIRECTORIES.filter(({ path, is }) => found.get(path) !== is);
    if (wrong.length === 0) return [];
    return [
      {
        summary: `set owner and mode of ${wrong.length === 1 ? wrong[0]!.path : `${wrong.length} directories`}`,
        command: lines(...wrong.map(make)),
        detail: wrong.map(({ path, is }) => `${path}: ${found.get(path) ?? "missing"} → ${is}`).join("\n"),
      },
    ];
  },
};

function make({ path, is }: Directory): Command {
  const [owner, mode] = is.split(" ");
  return sh`mkdir -p ${path} && chown ${owner!} ${path} && chmod ${mode!} ${path}`;
}
