import { SERVICES } from "../release/wanted";
import { Container, ContainerState, Service, containerOf, describeState, isBroken, networksOf } from "./containers";
import { ComposeDifference } from "./what-differs";

/** What is to become of a service's container. */
export interface Touch {
  readonly service: Service;
  /** Why it is created, recreated or started; undefined: it stays as it is. */
  readonly why: string | undefined;
  readonly runs: boolean;
  /** It hangs, or ends again and again: only a new container helps. */
  readonly isStuck: boolean;
  /** Names of the settings that differ. */
  readonly differs: readonly string[];
}

/** @param hashes what compose would give each service @returns one for each service, in their order */
export function touchesOf(
  made: readonly Container[],
  states: ReadonlyMap<string, ContainerState>,
  hashes: ReadonlyMap<string, string>,
  difference: ComposeDifference,
): Touch[] {
  const postgres = states.get(containerOf("postgres"));
  const hasDatabase = postgres !== undefined && postgres.word === "running" && !postgres.isUnhealthy;
  return SERVICES.map((service) => {
    const container = made.find(({ name }) => name === containerOf(service));
    const state = states.get(containerOf(service));
    if (!container || !state)
      return { service, why: "created, it has no container", runs: false, isStuck: false, differs: [] };
    // Without the database no service is healthy, so then only the database is at fault.
    const isCutOff = state.word === "running" && state.networks !== undefined && state.networks < networksOf(service);
    const isStuck = isCutOff || (isBroken(state) && (service === "postgres" || hasDatabase || !state.isUnhealthy));
    const found = { service, runs: state.word === "running", isStuck };
    if (container.hash !== hashes.get(service)) {
      const differs = difference.of(service);
      // It goes in any case. If it hangs, whatever the cause, compose would wait for its end as long as tasks may take.
      const hangs = isStuck || isBroken(state);
      return { ...found, isStuck: hangs, why: `recreated, ${describeDifference(differs)}`, differs: differs ?? [] };
    }
    const isDown = state.word === "exited" || state.word === "created";
    if (isCutOff) return { ...found, why: "recreated, it has lost its networks", differs: [] };
    const why = isStuck ? "recreated, it is " : isDown ? "started, its container's state is " : undefined;
    return { ...found, why: why && why + describeState(state), differs: [] };
  });
}

/** Names the settings that changed, not their values. */
function describeDifference(differs: readonly string[] | undefined): string {
  if (!differs) return "its settings differ";
  return differs.length > 0 ? `changed: ${differs.join(", ")}` : "its container was not made from this compose.yaml";
}
