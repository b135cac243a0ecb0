import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import type { Context } from "../base/context";
import type { Host } from "../link/host";
import { compileChange, newChangeId, standingChecks } from "./compile";
import { Plan, Step, factsOf, makePlan } from "./planning";
import { readRaw } from "./read-facts";
import { runChange } from "./run";
import { Author, PreviousChange, noteOf, settle, standing } from "./standing";
import { busy } from "./start";

/** A plan for a host together with the state it was made from. */
export interface HostPlan {
  readonly plan: Plan;
  readonly previous: PreviousChange | undefined;
  readonly newest: string | undefined;
  /** Digests of the standing facts, by name. */
  readonly standing: ReadonlyMap<string, string>;
}

/** Reads all facts in one round trip, once the host has settled, and makes a plan. @throws Busy if a change runs on the host */
export async function planHost<W>(
  { screen }: Context,
  host: Host,
  steps: readonly Step<W>[],
  wanted: W,
): Promise<HostPlan> {
  const names = Object.keys(standing) as (keyof typeof standing)[];
  const wishes = factsOf(steps, wanted);
  const facts = [...names.map((name) => standing[name]), ...wishes.flatMap(({ facts }) => Object.values(facts))];
  const raw = await readRaw(host, facts, { first: settle });
  const answer = <K extends keyof typeof standing>(name: K) =>
    standing[name].parse(raw[names.indexOf(name)]!.result) as ReturnType<(typeof standing)[K]["parse"]>;
  const running = answer("running");
  if (running) throw busy(running);
  const note = unseen(host, answer("previous"));
  if (note) screen.say(note);
  return {
    plan: makePlan(wishes, wanted, raw.slice(names.length)),
    previous: answer("previous"),
    newest: answer("newest"),
    standing: new Map(names.map((name, i) => [name, raw[i]!.digest])),
  };
}

/** Carries out a plan and returns the change's id; undefined if the plan is empty, since nothing is changed then. */
export async function changeHost(
  context: Context,
  host: Host,
  { plan, standing }: HostPlan,
  author: Author,
  now = new Date(),
): Promise<string | undefined> {
  if (plan.length === 0) return undefined;
  const change = compileChange(plan, standingChecks(standing), author, newChangeId(now), now);
  const problem = await runChange(context, host, change);
  // If runChange throws, this machine has not seen the end: then the next verb says how the change ended.
  remember(host, change.about.id);
  if (problem) throw problem;
  return change.about.id;
}

/** Says, only once, how the previous change ended if this machine has not followed it to its end. */
function unseen(host: Host, previous: PreviousChange | undefined): string | undefined {
  if (!previous || !host.memory) return undefined;
  const seen = existsSync(host.memory) ? readFileSync(host.memory, "utf8").trim() : undefined;
  if (seen === previous.about.id) return undefined;
  remember(host, previous.about.id);
  // A machine that sees the host for the first time is told only if the change did not succeed.
  return seen !== undefined || previous.outcome.kind !== "done" ? noteOf(previous) : undefined;
}

function remember({ memory }: Host, id: string): void {
  if (memory) writeFileSync(memory, `${id}\n`);
}

/** A container may run programs as a user whom its system does not know. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user-${process.getuid?.()}`;
  }
}

/** Who runs this verb, for the host's records: AIRFLOW_OPERATOR, else user@machine. */
export function authorOf(verb: string): Author {
  const operator = process.env["AIRFLOW_OPERATOR"] || `${userName()}@${hostname()}`;
  return { verb, operator: operator.replace(/[^\w@.+-]/g, "_").slice(0, 64) };
}
