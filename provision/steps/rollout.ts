import type { Action } from "../change/planning";
import { removeStuck, replaceApiServer, startServices, stopScheduler } from "./service-actions";
import type { Touch } from "./touches";
import type { Service } from "./containers";

export interface Rollout {
  /** One for each service. */
  readonly touches: readonly Touch[];
  /** Services with a container that the release does not have. */
  readonly orphans: readonly string[];
  /** Tasks that run, as `dag.task`. */
  readonly tasks: readonly string[];
  /** How long to wait for running tasks, in seconds. */
  readonly drain: number;
  /** The migration has stopped all services that use the database. */
  readonly hasStopped: boolean;
}

const SECRETS = "labels.airflow-deployment.secrets";

/**
 * Puts the actions into an order that harms no running task: first a new api-server takes over, then the scheduler waits
 * for its tasks and is recreated. If tasks could not go on meanwhile, because the database is recreated or the new api-server
 * does not accept their tokens, the scheduler waits for them before everything else.
 */
export function rollOut({ touches, orphans, tasks, drain, hasStopped }: Rollout): Action[] {
  const of = (name: Service): Touch => touches.find(({ service }) => service === name)!;
  const [postgres, apiServer, scheduler] = [of("postgres"), of("api-server"), of("scheduler")];
  const actions: Action[] = [];
  const done = new Set<Touch>();
  const stuck = touches.filter((touch) => touch.isStuck && touch !== scheduler);
  if (stuck.length > 0) actions.push(removeStuck(namesOf(stuck), describe(stuck)));

  const mayWork = scheduler.runs && !hasStopped;
  const losesDatabase = postgres.why !== undefined && postgres.runs && !postgres.isStuck;
  const stopsFirst = mayWork && (losesDatabase || scheduler.differs.includes(SECRETS));
  if (mayWork && !stopsFirst && apiServer.why) {
    const isAnswering = !postgres.why && apiServer.runs && !apiServer.isStuck;
    const ahead = postgres.why ? [postgres, apiServer] : [apiServer];
    actions.push(isAnswering ? replaceApiServer(describe(ahead)) : startServices(namesOf(ahead), describe(ahead)));
    for (const touch of ahead) done.add(touch);
  }
  const stops = stopsFirst || scheduler.isStuck;
  const waiting = describeTasks(tasks, drain);
  if (stops) actions.push(stopScheduler(scheduler.isStuck, drain, [describe([scheduler]), waiting].join("\n")));

  const rest = touches.filter((touch) => (touch.why && !done.has(touch)) || (stops && touch === scheduler));
  if (rest.length + orphans.length === 0) return actions;
  const detail = [
    describe(rest),
    !stops && mayWork && rest.includes(scheduler) ? waiting : "",
    ...touches.filter((touch) => !done.has(touch) && !rest.includes(touch)).map(({ service }) => `${service}: kept`),
    ...orphans.map((service) => `${service}: removed, the release has no such service`),
  ];
  actions.push(startServices(namesOf(rest), detail.filter(Boolean).join("\n"), "all"));
  return actions;
}

const namesOf = (touches: readonly Touch[]): Service[] => touches.map(({ service }) => service);

const describe = (touches: readonly Touch[]): string =>
  touches.map(({ service, why = "stopped and started" }) => `${service}: ${why}`).join("\n");

/** How many running tasks are named. */
const SHOWN = 10;

function describeTasks(tasks: readonly string[], drain: number): string {
  const more = tasks.length > SHOWN ? ` and ${tasks.length - SHOWN} more` : "";
  const names = tasks.length > 0 ? `, now ${tasks.slice(0, SHOWN).join(", ")}${more}` : ", now none";
  return `scheduler: waits for the tasks that run${names}; at most ${drain} s`;
}
