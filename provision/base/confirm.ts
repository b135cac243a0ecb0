import { createHash } from "node:crypto";
import type { Context } from "./context";
import { UserError } from "./errors";

/** What is true while nothing has been confirmed yet. */
export const NOTHING_TOUCHED = "nothing was touched";

interface Question {
  /** The deployment's name, which a person types. */
  readonly name: string;
  /** What CONFIRM must say. */
  readonly answer: string;
  /** The verb that the hint names, to be run again with CONFIRM. */
  readonly verb: string;
  /** What is true if it is not confirmed; without it, that nothing was touched. */
  readonly untouched?: string;
}

/** What CONFIRM must say to exactly these lines, which the operator has seen: `local@1a2b3c4d`. */
export const answerTo = (name: string, lines: readonly string[]): string =>
  `${name}@${createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 8)}`;

/** @throws UserError unless the deployment's name is typed, or CONFIRM has the answer */
export async function confirmName(
  { screen }: Context,
  { name, answer, verb, untouched = NOTHING_TOUCHED }: Question,
): Promise<void> {
  const given = process.env["CONFIRM"];
  if (given === answer) return;
  const hint = `run CONFIRM=${answer} make ${verb}`;
  if (given) throw new UserError(`CONFIRM is "${given}", not "${answer}": ${untouched}`, hint);
  if (!screen.canAsk()) throw new UserError(`this needs to be confirmed: ${untouched}`, hint);
  const typed = await screen.ask("type the deployment's name to go on: ");
  if (typed.trim() !== name) throw new UserError(`the answer is not "${name}": ${untouched}`);
}
