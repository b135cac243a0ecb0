import type { Command, Result } from "../base/shell";

/** How to read one piece of a host's state: a command that changes nothing and a pure parser that never fails because a thing is absent. */
export interface Fact<T> {
  /** Root runs it with /bin/sh; its standard input is empty, its working directory is /. */
  readonly command: Command;
  /**
   * `stable`: a plan depends on it; a change refuses to start if its exit code or output has changed since.
   * `live`: it changes by itself (clock, free disk, health, uptime) and is never compared.
   */
  readonly kind: "stable" | "live";
  parse(result: Result): T;
}

export type Facts<T extends object> = { readonly [K in keyof T]: Fact<T[K]> };

export const stable = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({
  command,
  kind: "stable",
  parse,
});
export const live = <T>(command: Command, parse: (result: Result) => T): Fact<T> => ({ command, kind: "live", parse });

/** What one fact's command printed, and the digest of its exit code and standard output, which a change compares. */
export interface RawFact {
  readonly fact: Fact<unknown>;
  readonly result: Result;
  readonly digest: string;
}
