import type { Command } from "../base/shell";
import type { Fact, Facts, RawFact } from "./fact";

/** The verbs that a summary may begin with, and their past tense for an action that is done. */
const PAST = {
  assume: "assumed",
  build: "built",
  check: "checked",
  create: "created",
  delete: "deleted",
  dump: "dumped",
  install: "installed",
  let: "let",
  make: "made",
  migrate: "migrated",
  mount: "mounted",
  put: "put",
  read: "read",
  recreate: "recreated",
  remove: "removed",
  restart: "restarted",
  set: "set",
  start: "started",
  stop: "stopped",
  switch: "switched",
  unpack: "unpacked",
  upload: "uploaded",
  wait: "waited",
  write: "wrote",
} as const;

/** What an action does, in the imperative: `write /etc/docker/daemon.json`. */
export type Summary = `${keyof typeof PAST} ${string}`;

/** `write x` → `wrote x` */
export function pastTense(summary: Summary): string {
  const [verb, ...rest] = summary.split(" ");
  return [PAST[verb as keyof typeof PAST], ...rest].join(" ");
}

/** A file of an upload; its path is relative to the upload. */
export interface UploadFile {
  readonly path: string;
  readonly content: string | Buffer;
  /** @default 0o644 */
  readonly mode?: number;
}

/** Files that are uploaded with the change to `/srv/airflow/.incoming-<change>/<name>`: on the data volume, so a rename puts them in place. */
export interface Upload {
  readonly name: string;
  readonly files: readonly UploadFile[];
}

/** One change to the host. Secrets go in `stdin`, never in `command`. */
export interface Action {
  readonly summary: Summary;
  /**
   * Root runs it on the host with `sh -e`; `$CHANGE` is the change's id. If it fails, its last line may be `hint: …`, which
   * tells the operator what to do.
   */
  readonly command: Command;
  readonly stdin?: string;
  readonly upload?: Upload;
  /** Why the action is needed, or what differs, for `make plan`. It must not hold a secret. */
  readonly detail?: string;
}

/**
 * One part of a host: which facts to read, and which actions make the host what is wanted. Both functions are pure.
 * A new step is a file in steps/ and a line in steps/index.ts.
 * `plan` throws a UserError if the host cannot become what is wanted; then nothing is changed.
 */
export interface Step<W, T extends object = any> {
  readonly name: string;
  facts(wanted: W): Facts<T>;
  plan(wanted: W, facts: T): Action[];
}

/** The stable facts that a plan was made from: the change compares them before it touches anything. */
export interface Check {
  readonly command: Command;
  readonly digest: string;
}

export interface PlannedStep {
  readonly step: string;
  readonly actions: readonly Action[];
  readonly checks: readonly Check[];
}

/** The steps that have something to do; an empty plan means that nothing needs to be done. */
export type Plan = readonly PlannedStep[];

type Wish<W> = { readonly step: Step<W>; readonly facts: Record<string, Fact<unknown>> };

/** Each step's facts, to be read together. */
export const factsOf = <W>(steps: readonly Step<W>[], wanted: W): Wish<W>[] =>
  steps.map((step) => ({ step, facts: step.facts(wanted) as Record<string, Fact<unknown>> }));

/** @param raw the answers to the facts of `wishes`, in the same order */
export function makePlan<W>(wishes: readonly Wish<W>[], wanted: W, raw: readonly RawFact[]): Plan {
  let at = 0;
  return wishes
    .map(({ step, facts }) => {
      const names = Object.keys(facts);
      const answers = raw.slice(at, (at += names.length));
      const known = Object.fromEntries(names.map((name, i) => [name, answers[i]!.fact.parse(answers[i]!.result)]));
      const checks = answers.flatMap(({ fact, digest }) =>
        fact.kind === "stable" ? [{ command: fact.command, digest }] : [],
      );
      return { step: step.name, actions: step.plan(wanted, known), checks };
    })
    .filter(({ actions }) => actions.length > 0);
}
