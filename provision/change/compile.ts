import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fact, live, stable } from "./read-facts";
import type { Action, Check, Plan, Upload } from "./planning";
import { Command, sh } from "../base/shell";

/** Who changes the host, with which verb. */
export interface Author {
  readonly verb: string;
  readonly operator: string;
}

/** Prints how a change ended and its last mark, a line each; /run first: a full disk has no outcome. Its working directory is that of the records. */
export function outcomeOf(id: Command): Command {
  return sh`cat /run/airflow-outcomes/${id}/outcome ${id}/outcome 2> /dev/null | grep . | head -n 1 | grep . || echo none
cat /run/airflow-outcomes/${id}/log ${id}/log 2> /dev/null | grep -a ^::${id}: | tail -n 1`;
}

/** What every change is measured against, whatever its steps; all of it is read with the facts of the steps. */
export const standing = {
  machine: stable(sh`cat /etc/machine-id /proc/sys/kernel/random/boot_id`, ({ stdout }) => stdout.trim()),
  releases: stable(sh`readlink /srv/airflow/current; readlink /srv/airflow/dags/current; true`, ({ stdout }) => stdout),
  newest: stable(
    sh`cat /var/lib/airflow-deployment/changes/newest 2>/dev/null; true`,
    ({ stdout }) => stdout.trim() || undefined,
  ),
  /** The description of the change that runs now. */
  running: live(sh`systemctl show -p ActiveState -p Description airflow-change.service`, ({ stdout }) => {
    const is = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(stdout)?.[1] ?? "";
    return /^(active|activating|deactivating)$/.test(is("ActiveState")) ? is("Description") : undefined;
  }),
  previous: live(
    sh`cd /var/lib/airflow-deployment/changes 2>/dev/null && id=$(cat newest) && cat "$id/about.json" && { ${outcomeOf(new Command('"$id"'))}; }; true`,
    ({ stdout }) => parsePrevious(stdout),
  ),
} satisfies Record<string, Fact<unknown>>;
const ABOUT: Record<string, string> = {
  machine: "the host was rebooted or replaced",
  releases: "another release was switched to",
  newest: "another change was made",
};

export interface PreviousChange {
  readonly about: About;
  readonly outcome: Outcome;
}

export interface About extends Author {
  readonly id: string;
  /** ISO 8601, UTC, by the clock of the operator. */
  readonly since: string;
  readonly actions: readonly string[];
}

/** How a change ended. `at` is the index of the action it ended at. */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly at?: number }
  | { readonly kind: "stale" }
  | { readonly kind: "stopped"; readonly at?: number }
  | { readonly kind: "interrupted"; readonly at?: number };

/** @param text `EXIT_CODE=… EXIT_STATUS=…` as the unit's ExecStopPost wrote it, or anything else where it wrote nothing */
export function parseOutcome(text: string, lastMark = ""): Outcome {
  const [, , word, at] = /^::([^:]+):(\w+) ?(\d+)?/.exec(lastMark) ?? [];
  const where = at === undefined || word === "done" ? {} : { at: Number(at) };
  const [, code, status] = /EXIT_CODE=(\S*) EXIT_STATUS=(\S*)/.exec(text) ?? [];
  if (code !== "exited") return { kind: "interrupted", ...where };
  if (status === "0") return { kind: "done" };
  if (status === "3") return { kind: "stale" };
  return { kind: status === "4" ? "stopped" : "failed", ...where };
}

function parsePrevious(stdout: string): PreviousChange | undefined {
  const [about, outcome = "", mark] = stdout.split("\n");
  try {
    return { about: JSON.parse(about!) as About, outcome: parseOutcome(outcome, mark) };
  } catch {
    // There is none, or a power cut left half of it.
    return undefined;
  }
}

/** A change, compiled: what is uploaded and the arguments of the script that starts it. */
export interface CompiledChange {
  readonly about: About;
  /** By absolute path. */
  readonly files: readonly { readonly path: string; readonly content: string | Buffer; readonly mode: number }[];
  /** For on-host/start.sh. */
  readonly startArguments: readonly string[];
}

/** Ids sort by time, to the second; the rest keeps two of one second apart. */
export const newChangeId = (now: Date): string =>
  `${now.toISOString().replace(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;

/** Compiles a plan into the files that the host runs by itself. Pure. */
export function compileChange(
  plan: Plan,
  standingChecks: readonly (Check & { about: string })[],
  author: Author,
  id: string,
  now: Date,
): CompiledChange {
  const run = `run/airflow-change/${id}`;
  const actions = plan.flatMap((step) => step.actions);
  const checks = [
    ...standingChecks,
    ...plan.flatMap(({ step, checks }) =>
      checks.map((check) => ({ ...check, about: `what ${step} looks at is not as it was` })),
    ),
  ];
  const about: About = { id, ...author, since: now.toISOString(), actions: actions.map(({ summary }) => summary) };
  const files = [
    ...["driver", "end"].map((name) => ({ path: `${run}/${name}.sh`, content: readScript(name), mode: 0o600 })),
    { path: `${run}/about.json`, content: `${JSON.stringify(about)}\n`, mode: 0o600 },
    ...checks.flatMap(({ command, digest, about }, i) => [
      { path: `${run}/checks/${number(i)}.sh`, content: `${command.text}\n`, mode: 0o600 },
      { path: `${run}/checks/${number(i)}.digest`, content: `${digest}\n`, mode: 0o600 },
      { path: `${run}/checks/${number(i)}.about`, content: `${about}\n`, mode: 0o600 },
    ]),
    ...actions.flatMap((action, i) => compileAction(action, run, number(i))),
    ...actions.flatMap(({ upload }) => (upload ? uploaded(upload, id) : [])),
  ];
  const manifest = files.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join("");
  const incoming = actions.some(({ upload }) => upload) ? [incomingOf(id)] : [];
  return {
    about,
    files: [...files, { path: `${run}/manifest`, content: manifest, mode: 0o600 }],
    startArguments: [id, sha256(manifest), describe(about), ...incoming],
  };
}

/** Where uploads lie until an action renames them. */
const incomingOf = (id: string): string => `/srv/airflow/.incoming-${id}`;

/** The same for the command of an action. */
export const incoming = (upload: string): Command => sh`/srv/airflow/.incoming-"$CHANGE"/${upload}`;

export const describe = ({ verb, operator, since }: About): string =>
  `${verb} by ${operator} since ${since.replace(/\.\d+Z$/, "Z")}`;

const compileAction = ({ command, stdin }: Action, run: string, name: string) => [
  { path: `${run}/actions/${name}.sh`, content: `${command.text}\n`, mode: 0o600 },
  ...(stdin === undefined ? [] : [{ path: `${run}/inputs/${name}`, content: stdin, mode: 0o600 }]),
];

const uploaded = ({ name, files }: Upload, id: string) =>
  files.map(({ path, content, mode = 0o644 }) => ({
    path: `${incomingOf(id)}/${name}/${path}`.slice(1),
    content,
    mode,
  }));

export const standingChecks = (raw: ReadonlyMap<string, string>): (Check & { about: string })[] =>
  Object.entries(standing).flatMap(([name, { command, kind }]) =>
    kind === "stable" ? [{ command, digest: raw.get(name)!, about: ABOUT[name]! }] : [],
  );

export const readScript = (name: string): string => readFileSync(join(__dirname, "on-host", `${name}.sh`), "utf8");

const number = (i: number): string => String(i).padStart(3, "0");
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
