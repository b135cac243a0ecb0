import { live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { CURRENT, RELEASES, SERVICES, Wanted } from "../release/wanted";
import { compose } from "./compose";
import { Container, ContainerState, STAND_IN, containerOf, containerStates, madeContainers } from "./containers";
import { HEARTBEATS, waitForHeartbeats } from "./heartbeats";
import { mayChangeSchema, migratedFact } from "./migrate";
import { query } from "./psql";
import { rollOut } from "./rollout";
import { removeHalfMade } from "./service-actions";
import { touchesOf } from "./touches";
import { ComposeDifference } from "./what-differs";

interface ServiceFacts {
  readonly made: readonly Container[];
  readonly states: ReadonlyMap<string, ContainerState>;
  /** The hash that compose would give each service of the wanted release. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly current: string | undefined;
  readonly runningFile: string | undefined;
  /** Tasks that run, as `dag.task` or `dag.task (5)`; read only where another release runs, or the scheduler is not well. */
  readonly tasks: readonly string[];
  readonly isHealthy: boolean;
  readonly migrated: string | undefined;
}

/** Switches to the release and lets compose create, recreate or start exactly what differs, in an order that harms no running task. */
export const services: Step<Wanted, ServiceFacts> = {
  name: "services",
  facts: ({ release }) => ({
    made: madeContainers,
    states: containerStates,
    hashes: stable(
      sh`printf %s ${release.composeFile} | ${compose("-")} config --hash '*'`,
      ({ stdout }) => new Map([...stdout.matchAll(/^(\S+) (\S+)$/gm)].map(([, service, hash]) => [service!, hash!])),
    ),
    current: stable(sh`readlink ${CURRENT}`, ({ stdout }) => /^releases\/(\S+)/.exec(stdout)?.[1]),
    runningFile: stable(sh`cat ${CURRENT}/compose.yaml`, ({ code, stdout }) => (code === 0 ? stdout : undefined)),
    tasks: live(
      sh`{ [ "$(readlink ${CURRENT})" = releases/${release.digest} ] && [ "$(docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' ${containerOf("scheduler")} 2> /dev/null)" = "running healthy" ]; } || ${query("select dag_id || '.' || task_id || case when count(*) > 1 then ' (' || count(*) || ')' else '' end from public.task_instance where state = 'running' group by dag_id, task_id order by 1")} 2>/dev/null`,
      ({ stdout }) => stdout.split("\n").filter(Boolean),
    ),
    isHealthy: live(HEARTBEATS, ({ code }) => code === 0),
    migrated: migratedFact,
  }),
  plan(wanted, facts) {
    const { release, deployment } = wanted;
    const { current, isHealthy } = facts;
    const { made, states, hashes } = facts;
    const touches = touchesOf(made, states, hashes, new ComposeDifference(facts.runningFile, release.composeFile));
    const halfMade = made.flatMap(({ name, service }) =>
      isService(service) && name !== containerOf(service) ? [name] : [],
    );
    const orphans = made.flatMap(({ service }) => (isService(service) ? [] : [service]));
    // It was left by a change that was interrupted.
    if (states.has(STAND_IN)) halfMade.push(STAND_IN);
    const actions: Action[] = [];
    if (halfMade.length > 0) actions.push(removeHalfMade(halfMade));
    if (current !== release.digest) {
      actions.push({
        summary: `switch to release ${release.digest}`,
        command: sh`ln -sfn releases/${release.digest} ${CURRENT}.new && mv -T ${CURRENT}.new ${CURRENT}`,
        detail: current ? `${current} ran until now` : "no release runs yet",
      });
    }
    actions.push(
      ...rollOut({
        touches,
        orphans,
        tasks: facts.tasks,
        drain: deployment.airflow.drain,
        hasStopped: mayChangeSchema(wanted, facts.migrated),
      }),
    );
    if (!isHealthy || touches.some(({ why }) => why) || orphans.length > 0) actions.push(waitForHeartbeats);
    if (current !== release.digest) actions.push(pruneReleases);
    return actions;
  },
};

const isService = (service: string): boolean => (SERVICES as readonly string[]).includes(service);

const pruneReleases: Action = {
  summary: "remove old releases",
  command: sh`cd ${RELEASES} && ls -1t | grep -vx "$(basename "$(readlink ${CURRENT})")" | tail -n +4 | xargs -r rm -rf`,
  detail: "the running one and the three before it stay",
};
