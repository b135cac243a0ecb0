import { answerTo, confirmName } from "../base/confirm";
import type { Context } from "../base/context";
import type { Deployment } from "./deployment";

/** Somebody who can read the secrets. */
export interface Reader {
  /** `age1…` */
  readonly recipient: string;
  /** The operator's, or what else the deployment calls it; empty where an older file does not say. */
  readonly name: string;
}

/** Who can read the secrets of today's deployment file, beside those whom the file is encrypted to. */
export interface ReaderChange {
  readonly come: readonly Reader[];
  readonly gone: readonly Reader[];
  /** There is no file yet: nobody is let in to what others had written. */
  readonly isFirst: boolean;
}

/** Throws where the operator does not want this change of readers; called before anything is written. */
export type Approve = (change: ReaderChange) => Promise<void>;

/** Who shall be able to read the secrets: the operators, or whoever made the keys; and the recovery recipient. */
export function readersFor(
  { operators }: Pick<Deployment, "operators">,
  own: string,
  recovery: string | undefined,
): Reader[] {
  const team = operators.map(({ name, age }) => ({ name, recipient: age }));
  const all = team.length > 0 ? team : [{ name: "your own", recipient: own }];
  if (recovery) all.push({ name: RECOVERY, recipient: recovery });
  const names = new Map<string, string[]>();
  for (const { name, recipient } of all) names.set(recipient, [...(names.get(recipient) ?? []), name]);
  return [...names].sort().map(([recipient, all]) => ({ recipient, name: all.join(", ") }));
}

const RECOVERY = "recovery";

/** The first line of the plain text: an encrypted file itself does not tell whom it is encrypted to. */
export const headerFor = (deployment: string, readers: readonly Reader[]): string =>
  `# Secrets of ${deployment}, encrypted to: ${readers.map(textOf).join(" ")}\n`;

interface Header {
  readonly deployment: string;
  readonly readers: readonly Reader[];
  /** What comes below it. */
  readonly rest: string;
}

/** Undefined where there is none: somebody made the file without this tool. */
export function readHeader(text: string): Header | undefined {
  const [line, deployment, readers] = /^# Secrets of (\S+), encrypted to: (.*)\n/.exec(text) ?? [];
  if (line === undefined) return undefined;
  return {
    deployment: deployment!,
    readers: [...readers!.matchAll(/(age1\S+)(?: \(([^)]*)\))?/g)].map(([, recipient, name]) => ({
      recipient: recipient!,
      name: name ?? "",
    })),
    rest: text.slice(line.length),
  };
}

/** By recipient: another name for the same one lets nobody in. @param before undefined: there is no file yet */
export function changeOf(before: readonly Reader[] | undefined, now: readonly Reader[]): ReaderChange {
  const without = (all: readonly Reader[], others: readonly Reader[]): Reader[] =>
    all.filter(({ recipient }) => !others.some((other) => other.recipient === recipient));
  return { come: without(now, before ?? []), gone: without(before ?? [], now), isFirst: before === undefined };
}

export const isChange = ({ come, gone }: ReaderChange): boolean => come.length + gone.length > 0;

/** `+ age1… (ada)` and `− age1… (bob)`, one line each. */
export const describeReaders = ({ come, gone }: ReaderChange): string[] => [
  ...come.map((reader) => `+ ${textOf(reader)}`),
  ...gone.map((reader) => `− ${textOf(reader)}`),
];

const textOf = ({ recipient, name }: Reader): string => (name ? `${recipient} (${name})` : recipient);

/**
 * Says who will be able to read the secrets, and who no longer, and wants the deployment's name for it, typed or in
 * CONFIRM; once for the same change. For secrets that are made only now it asks nothing.
 */
export function askForReaders(context: Context, { name }: Pick<Deployment, "name">, verb: string): Approve {
  const approved = new Set<string>();
  return async (change) => {
    const lines = describeReaders(change);
    const answer = answerTo(name, lines);
    if (approved.has(answer)) return;
    context.screen.say(`who can read the secrets of ${name}:`);
    for (const line of lines) context.screen.say(`  ${line}`);
    if (!change.isFirst) await confirmName(context, { name, answer, verb });
    approved.add(answer);
  };
}
