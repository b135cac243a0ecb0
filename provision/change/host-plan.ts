import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { Author, PreviousChange, compileChange, describe, newChangeId, standing, standingChecks } from "./compile";
import { readRaw } from "./read-facts";
import type { Host } from "../link/host";
import { printable, say } from "../base/output";
import { Plan, Step, factsOf, makePlan } from "./planning";
import { busy, runChange } from "./run";

/** A plan for a host together with the state it was made from. */
export interface HostPlan {
  readonly plan: Plan;
  readonly previous: PreviousChange | undefined;
  readonly newest: string | undefined;
  /** Digests of the standing facts, by name. */
  readonly standing: ReadonlyMap<string, string>;
}

/** Reads all facts in one round trip and plans. @throws Busy where a change runs on the host */
export async function planHost<W>(host: Host, steps: readonly Step<W>[], wanted: W): Promise<HostPlan> {
  const names = Object.keys(standing) as (keyof typeof standing)[];
  const wishes = factsOf(steps, wanted);
  const raw = await readRaw(host, [
    ...names.map((name) => standing[name]),
    ...wishes.flatMap(({ facts }) => Object.values(facts)),
  ]);
  const answer = <K extends keyof typeof standing>(name: K) =>
    standing[name].parse(raw[names.indexOf(name)]!.result) as ReturnType<(typeof standing)[K]["parse"]>;
  const running = answer("running");
  if (running) throw busy(running);
  tellOnce(host, answer("previous"));
  return {
    plan: makePlan(wishes, wanted, raw.slice(names.length)),
    previous: answer("previous"),
    newest: answer("newest"),
    standing: new Map(names.map((name, i) => [name, raw[i]!.digest])),
  };
}

/** Makes a plan true, and returns the change's id. Does nothing for an empty one. */
export async function changeHost(
  host: Host,
  { plan, standing }: HostPlan,
  author: Author,
  now = new Date(),
): Promise<string | undefined> {
  if (plan.length === 0) return undefined;
  const change = compileChange(plan, standingChecks(standing), author, newChangeId(now), now);
  const problem = await runChange(host, change);
  // Whatever is thrown before leaves it to the next verb to tell how the change ended.
  remember(host, change.about.id);
  if (problem) throw problem;
  return change.about.id;
}

/** Says once how a change ended that this machine did not follow to its end. */
function tellOnce(host: Host, previous: PreviousChange | undefined): void {
  if (!previous || !host.memory) return;
  const seen = existsSync(host.memory) ? readFileSync(host.memory, "utf8").trim() : undefined;
  if (seen === previous.about.id) return;
  // A machine that meets the host for the first time has nothing to catch up with.
  if (seen !== undefined || previous.outcome.kind !== "done") say(noteOf(previous));
  remember(host, previous.about.id);
}

/** `the previous change (provision by ann since 2026-01-01T00:00:00Z) was interrupted at "write x"` */
export function noteOf({ about, outcome }: PreviousChange): string {
  const action = "at" in outcome && outcome.at !== undefined ? about.actions[outcome.at] : undefined;
  const where = (word: string): string => (action ? ` ${word} "${action}"` : "");
  const ended: Record<typeof outcome.kind, string> = {
    done: "ended well",
    failed: `failed${where("at")}`,
    stale: "touched nothing: the host had changed",
    stopped: `was stopped${where("before")}`,
    interrupted: `was interrupted${where("at")}`,
  };
  return `the previous change (${printable(describe(about))}) ${printable(ended[outcome.kind])}`;
}

function remember({ memory }: Host, id: string): void {
  if (memory) writeFileSync(memory, `${id}\n`);
}

/** Who runs this verb, for the host's records: AIRFLOW_OPERATOR, else user@machine. */
export function authorOf(verb: string): Author {
  const operator = process.env["AIRFLOW_OPERATOR"] || `${userInfo().username}@${hostname()}`;
  return { verb, operator: operator.replace(/[^\w@.+-]/g, "_").slice(0, 64) };
}
