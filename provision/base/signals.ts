import { Interrupted } from "./errors";

type Name = "SIGINT" | "SIGTERM" | "SIGHUP";
/** A closed terminal ends what only this machine can go on with. */
const ALL = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** A closed terminal ends this process and nothing else: what it follows goes on elsewhere. */
const PRESSED = ["SIGINT", "SIGTERM"] as const;

const AGAIN = "run the same verb again: it goes on from here";

/**
 * What Ctrl-C (SIGINT), SIGTERM and a closed terminal (SIGHUP) do while a verb works. Without any of these methods at
 * work a signal ends the process, as it does by default. Whichever are at work at the same time all hear a signal.
 */
export class Signals {
  private hasCome = false;

  constructor(private readonly source: Pick<NodeJS.EventEmitter, "on" | "off"> = process) {}

  /** `handler` gets each signal for as long as `work` lasts. */
  async handle<T>(names: readonly Name[], handler: (name: Name) => void, work: () => Promise<T>): Promise<T> {
    const listener = handler as (name: string) => void;
    for (const name of names) this.source.on(name, listener);
    try {
      return await work();
    } finally {
      for (const name of names) this.source.off(name, listener);
    }
  }

  /** A signal is remembered for `stopIfHeld`: it ends nothing between two programs that `work` runs. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.handle(ALL, () => void (this.hasCome = true), work);
  }

  /** @throws Interrupted where a signal came during `hold` */
  stopIfHeld(): void {
    if (this.hasCome) throw new Interrupted("interrupted", AGAIN);
  }

  /** Waits for a child's end, whatever signal arrives meanwhile. @throws Interrupted once it has ended after a signal */
  async outlast<T>(onSignal: (name: Name, isFirst: boolean) => void, work: () => Promise<T>): Promise<T> {
    let times = 0;
    const result = await this.handle(ALL, (name) => onSignal(name, (times += 1) === 1), work);
    if (times > 0) throw new Interrupted("interrupted", AGAIN);
    return result;
  }

  /** Throws `reason` at the first signal, without waiting for `work`: what repeats itself looks at its AbortSignal. */
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

  /** Resolves with what `work` gives, or with undefined at the first signal: the usual end of what only shows something. */
  async orEnd<T>(work: Promise<T>): Promise<T | undefined> {
    let stop: () => void = () => undefined;
    const came = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
    return this.handle(PRESSED, stop, () => Promise.race([work, came]));
  }

  /** Tells `work` by its AbortSignal to end, waits until it has, and throws `reason` then: `finally` blocks have run. */
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

  /** The first signal asks for an end and the second for none: `handler` is told how many have come. */
  count<T>(handler: (times: number) => void, work: () => Promise<T>): Promise<T> {
    let times = 0;
    return this.handle(PRESSED, () => handler((times += 1)), work);
  }

  /** Signals are for a program that has the same terminal. */
  leaveTo<T>(work: () => Promise<T>): Promise<T> {
    return this.handle(PRESSED, () => undefined, work);
  }
}
