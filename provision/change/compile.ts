import { createHash, randomBytes } from "node:crypto";
import { incomingOf, runOf } from "./places";
import type { Action, Check, Plan, Upload } from "./planning";
import { onHost } from "./scripts";
import { About, Author, DIFFERS, describe, standing } from "./standing";

/** A file of a change: its path on the host, without the leading slash. */
interface ChangeFile {
  readonly path: string;
  readonly content: string | Buffer;
  readonly mode: number;
}

/** A compiled change: the files to upload, and the arguments of the script that starts it. */
export interface CompiledChange {
  readonly about: About;
  readonly files: readonly ChangeFile[];
  /** Arguments of on-host/start.sh. */
  readonly startArguments: readonly string[];
}

/** A check, and the words that tell the operator what has changed if the check fails. */
export type NamedCheck = Check & { readonly about: string };

/** Makes an id that sorts by time, in seconds; its random end keeps ids of the same second apart. */
export const newChangeId = (now: Date): string =>
  `${now.toISOString().replace(/[-:]|\.\d+/g, "")}-${randomBytes(4).toString("hex")}`;

/** Compiles a plan into the files that the host runs by itself. */
export function compileChange(
  plan: Plan,
  standingChecks: readonly NamedCheck[],
  author: Author,
  id: string,
  now: Date,
): CompiledChange {
  const run = runOf(id).slice(1);
  const actions = plan.flatMap((step) => step.actions);
  const checks = [
    ...standingChecks,
    ...plan.flatMap(({ step, checks }) =>
      checks.map((check) => ({ ...check, about: `what the step ${step} reads has changed` })),
    ),
  ];
  const about: About = { id, ...author, since: now.toISOString(), actions: actions.map(({ summary }) => summary) };
  const secret = (name: string, content: string): ChangeFile => ({ path: `${run}/${name}`, content, mode: 0o600 });
  const files = [
    ...(["driver", "end"] as const).map((name) => secret(`${name}.sh`, onHost(name).text)),
    secret("about.json", `${JSON.stringify(about)}\n`),
    ...checks.flatMap(({ command, digest, about: differs }, i) => [
      secret(`checks/${number(i)}.sh`, `${command.text}\n`),
      secret(`checks/${number(i)}.digest`, `${digest}\n`),
      secret(`checks/${number(i)}.about`, `${differs}\n`),
    ]),
    ...actions.flatMap(({ command, stdin }: Action, i) => [
      secret(`actions/${number(i)}.sh`, `${command.text}\n`),
      ...(stdin === undefined ? [] : [secret(`inputs/${number(i)}`, stdin)]),
    ]),
    ...actions.flatMap(({ upload }) => (upload ? uploaded(upload, id) : [])),
  ];
  const manifest = files.map(({ path, content }) => `${sha256(content)}  ${path}\n`).join("");
  const incoming = actions.some(({ upload }) => upload) ? [incomingOf(id)] : [];
  return {
    about,
    files: [...files, secret("manifest", manifest)],
    startArguments: [id, sha256(manifest), describe(about), ...incoming],
  };
}

const uploaded = ({ name, files }: Upload, id: string): ChangeFile[] =>
  files.map(({ path, content, mode = 0o644 }) => ({
    path: `${incomingOf(id)}/${name}/${path}`.slice(1),
    content,
    mode,
  }));

/** The checks that every change makes, whatever its steps are. @param digests those of the standing facts, by name */
export const standingChecks = (digests: ReadonlyMap<string, string>): NamedCheck[] =>
  Object.entries(standing).flatMap(([name, { command, kind }]) =>
    kind === "stable" ? [{ command, digest: digests.get(name)!, about: DIFFERS[name]! }] : [],
  );

const number = (i: number): string => String(i).padStart(3, "0");
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
