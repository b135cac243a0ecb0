import type { Result } from "./host";
import type { Command } from "./shell";

/** How to read one piece of a host's state: a command that changes nothing and a pure parser that never fails because a thing is absent. */
export interface Fact<T> {
  /** Run by root with /bin/sh, standard input empty, its working directory /. */
  readonly command: Command;
  /**
   * `stable`: part of what a plan was made from; a change refuses to start when its raw output is another by then.
   * `live`: moves by itself (clock, free disk, health, uptime), never compared.
   */
  readonly kind: "stable" | "live";
  parse(result: Result): T;
}

export type Facts<T extends object> = { readonly [K in keyof T]: Fact<T[K]> };

export const stable = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({ command, kind: "stable", parse });
export const live = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({ command, kind: "live", parse });
