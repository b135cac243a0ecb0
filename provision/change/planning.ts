import type { Command } from "../base/shell";
import type { Fact, Facts, RawFact } from "./fact";

/** What an action may begin with, and how it is told when it is done. */
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

/** Files that travel with the change, to `/srv/airflow/.incoming-<change>/<name>`: on the data volume, so a rename puts them in place. */
export interface Upload {
  readonly name: string;
  readonly files: readonly UploadFile[];
}

/** One change to the host. Secrets go in `stdin`, never in `command`. */
export interface Action {
  readonly summary: Summary;
  /** Run on the host by root with `sh -e`; `$CHANGE` is the change's id. */
  readonly command: Command;
  readonly stdin?: string;
  readonly upload?: Upload;
  /** Why, or what differs, for `make plan`; no secret in it. */
  readonly detail?: string;
}

/**
 * Says what is to be done so that the host is as it is wanted; both of its functions are pure.
 * A step owns its facts: adding one is a file and a line in steps/index.ts.
 * `plan` throws a UserError where the host cannot become what is wanted: nothing is changed then.
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

/** Only the steps that have something to do; empty: nothing to do. */
export type Plan = readonly PlannedStep[];

type Wish<W> = { readonly step: Step<W>; readonly facts: Record<string, Fact<unknown>> };

/** Each step's facts, to be read together. */
export const factsOf = <W>(steps: readonly Step<W>[], wanted: W): Wish<W>[] =>
  steps.map((step) => ({ step, facts: step.facts(wanted) as Record<string, Fact<unknown>> }));

/** `raw` holds the answers to `wishes`' facts, in their order. */
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
