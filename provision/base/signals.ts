import { Interrupted } from "./errors";

type Name = "SIGINT" | "SIGTERM" | "SIGHUP";
/** For work that this machine does: it must stop safely even if the terminal is closed (SIGHUP). */
const ALL = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** For work that goes on without this process, such as a change on the host: SIGHUP just ends the process. */
const PRESSED = ["SIGINT", "SIGTERM"] as const;

const AGAIN = "run the same verb again: it goes on from here";

/**
 * Decides what Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP) do while a verb works. While none of these
 * methods runs, a signal ends the process, as usual. If several run at the same time, each of them gets the signal.
 */
export class Signals {
  private hasCome = false;

  constructor(private readonly source: Pick<NodeJS.EventEmitter, "on" | "off"> = process) {}

  /** Calls `handler` for each signal that arrives during `work`. */
  async handle<T>(names: readonly Name[], handler: (name: Name) => void, work: () => Promise<T>): Promise<T> {
    const listener = handler as (name: string) => void;
    for (const name of names) this.source.on(name, listener);
    try {
      return await work();
    } finally {
      for (const name of names) this.source.off(name, listener);
    }
  }

  /** During `work` a signal does not end the process: it is remembered, and the next `stopIfHeld` throws. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.handle(ALL, () => void (this.hasCome = true), work);
  }

  /** @throws Interrupted if a signal arrived during `hold` */
  stopIfHeld(): void {
    if (this.hasCome) throw new Interrupted("interrupted", AGAIN);
  }

  /** Waits until `work` has ended. If a signal arrives meanwhile, calls `onSignal`. @throws Interrupted then, at the end */
  async outlast<T>(onSignal: (name: Name, isFirst: boolean) => void, work: () => Promise<T>): Promise<T> {
    let times = 0;
    const result = await this.handle(ALL, (name) => onSignal(name, (times += 1) === 1), work);
    if (times > 0) throw new Interrupted("interrupted", AGAIN);
    return result;
  }

  /** Throws `reason` at the first signal, without waiting for `work`. A loop in `work` must look at its AbortSignal. */
  async orThrow<T>(reason: () => Error, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    let stop: () => void = () => undefined;
    const interrupted = new Promise<never>(
      (_resolve, reject) =>
        (stop = () => {
          reject(reason());
          abort.abort();
        }),
    );
    interrupted.catch(() => undefined);
    return this.handle(PRESSED, stop, () => {
      const working = work(abort.signal);
      working.catch(() => undefined);
      return Promise.race([working, interrupted]);
    });
  }

  /** The result of `work`, or undefined at the first signal: for verbs that show something until Ctrl-C. */
  async orEnd<T>(work: Promise<T>): Promise<T | undefined> {
    let stop: () => void = () => undefined;
    const came = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
    return this.handle(PRESSED, stop, () => Promise.race([work, came]));
  }

  /** At a signal, tells `work` to end by its AbortSignal, waits until it has ended, and throws `reason`. */
  async thenThrow<T>(reason: () => Error, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    try {
      const result = await this.handle(
        ALL,
        () => abort.abort(),
        () => work(abort.signal),
      );
      abort.signal.throwIfAborted();
      return result;
    } catch (error) {
      throw abort.signal.aborted ? reason() : error;
    }
  }

  /** Tells `handler` how many signals have arrived: a second Ctrl-C may mean something else than the first. */
  count<T>(handler: (times: number) => void, work: () => Promise<T>): Promise<T> {
    let times = 0;
    return this.handle(PRESSED, () => handler((times += 1)), work);
  }

  /** Ignores signals during `work`: a program on the same terminal gets Ctrl-C itself. */
  leaveTo<T>(work: () => Promise<T>): Promise<T> {
    return this.handle(PRESSED, () => undefined, work);
  }
}
