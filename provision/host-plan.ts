import { hostname, userInfo } from "node:os";
import { Author, PreviousChange, compileChange, newChangeId, standing, standingChecks } from "./change";
import { readRaw } from "./facts";
import type { Host } from "./host";
import { Plan, Step, factsOf, makePlan } from "./planning";
import { busy, runChange } from "./run-change";

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
  return {
    plan: makePlan(wishes, wanted, raw.slice(names.length)),
    previous: answer("previous"),
    newest: answer("newest"),
    standing: new Map(names.map((name, i) => [name, raw[i]!.digest])),
  };
}

/** Makes a plan true. Does nothing for an empty one. */
export async function changeHost(
  host: Host,
  { plan, standing }: HostPlan,
  author: Author,
  now = new Date(),
): Promise<void> {
  if (plan.length === 0) return;
  await runChange(host, compileChange(plan, standingChecks(standing), author, newChangeId(now), now));
}

/** Who runs this verb, for the host's records: AIRFLOW_OPERATOR, else user@machine. */
export function authorOf(verb: string): Author {
  const operator = process.env["AIRFLOW_OPERATOR"] || `${userInfo().username}@${hostname()}`;
  return { verb, operator: operator.replace(/[^\w@.+-]/g, "_").slice(0, 64) };
}
