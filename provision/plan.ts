import type { Facts } from "./facts";
import type { Command } from "./shell";

/** One change to the host. Secrets go in `stdin`, never in `command`. */
export interface Action {
  /** What it does, in the imperative: `write /etc/docker/daemon.json`. */
  readonly summary: string;
  /** Run on the host by root with `sh -e`. */
  readonly command: Command;
  readonly stdin?: string;
  /** Why, or what differs, for `make plan`; no secret in it. */
  readonly detail?: string;
}

/**
 * Says what is missing between the wanted and the actual state; both of its functions are pure.
 * A step owns its facts: adding one is a file and a line in steps/index.ts.
 */
export interface Step<W, T extends object = object> {
  readonly name: string;
  facts(wanted: W): Facts<T>;
  plan(wanted: W, facts: T): Action[];
}
