import { EventEmitter } from "node:events";
import { Interrupted } from "../../provision/base/errors";
import { Signals } from "../../provision/base/signals";

const NAMES = ["SIGINT", "SIGTERM", "SIGHUP"];
let source: EventEmitter;
let signals: Signals;
beforeEach(() => {
  source = new EventEmitter();
  signals = new Signals(source);
});
/** Whatever happened: a signal ends the process again, as it does by default. */
afterEach(() => expect(NAMES.flatMap((name) => source.listeners(name))).toEqual([]));

const reason = (): Interrupted => new Interrupted("stopped");
const later = <T>(value: T): Promise<T> => new Promise((resolve) => setTimeout(resolve, 5, value));

test("hold: a signal ends nothing, and stops the verb at the next place where it may stop", async () => {
  signals.stopIfHeld();
  await signals.hold(async () => {
    source.emit("SIGHUP", "SIGHUP");
    await later(0);
    expect(() => signals.stopIfHeld()).toThrow(Interrupted);
  });
});

test("outlast: the work is waited for, then the verb ends", async () => {
  const heard: unknown[] = [];
  let hasEnded = false;
  const work = signals.outlast(
    (...all) => heard.push(all),
    async () => {
      source.emit("SIGINT", "SIGINT");
      source.emit("SIGTERM", "SIGTERM");
      hasEnded = await later(true);
    },
  );
  await expect(work).rejects.toThrow(Interrupted);
  expect(hasEnded).toBe(true);
  expect(heard).toEqual([
    ["SIGINT", true],
    ["SIGTERM", false],
  ]);
  expect(
    await signals.outlast(
      () => undefined,
      () => later("quiet"),
    ),
  ).toBe("quiet");
});

test("orThrow: the reason comes at once, and the work is told", async () => {
  let stop: AbortSignal | undefined;
  const work = signals.orThrow(reason, (signal) => {
    stop = signal;
    source.emit("SIGTERM", "SIGTERM");
    return new Promise<never>(() => undefined);
  });
  await expect(work).rejects.toThrow("stopped");
  expect(stop!.aborted).toBe(true);
  expect(await signals.orThrow(reason, () => later("done"))).toBe("done");
  await expect(signals.orThrow(reason, () => Promise.reject(new Error("its own")))).rejects.toThrow("its own");
});

test("orEnd: a signal is the usual end", async () => {
  setTimeout(() => source.emit("SIGINT", "SIGINT"), 1);
  expect(await signals.orEnd(new Promise(() => undefined))).toBeUndefined();
  expect(await signals.orEnd(later("done"))).toBe("done");
});

test("thenThrow: the work cleans up before the reason is thrown", async () => {
  let isClean = false;
  const work = signals.thenThrow(reason, async (stop) => {
    try {
      source.emit("SIGHUP", "SIGHUP");
      expect(stop.aborted).toBe(true);
      await later(0);
    } finally {
      isClean = true;
    }
  });
  await expect(work).rejects.toThrow("stopped");
  expect(isClean).toBe(true);
  await expect(signals.thenThrow(reason, () => Promise.reject(new Error("its own")))).rejects.toThrow("its own");
});

test("count: the first signal and the second mean different things; a closed terminal means neither", async () => {
  const seen: number[] = [];
  await signals.count(
    (times) => seen.push(times),
    async () => {
      for (const name of ["SIGINT", "SIGHUP", "SIGTERM"]) source.emit(name, name);
    },
  );
  expect(seen).toEqual([1, 2]);
});
