import type { Interrupted } from "./errors";

/** Waits for work until Ctrl-C (or SIGTERM) comes: then `reason` is thrown at once, and work that repeats itself looks at the signal. */
export async function unlessInterrupted<T>(
  begin: (signal: AbortSignal) => Promise<T>,
  reason: () => Interrupted,
): Promise<T> {
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
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const work = begin(abort.signal);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

/** Resolves at Ctrl-C (or SIGTERM): the usual end of what only shows something. */
export function interruption(): { readonly came: Promise<void>; forget(): void } {
  let stop: () => void = () => undefined;
  const came = new Promise<void>((resolve) => (stop = () => resolve()));
  process.on("SIGINT", stop).on("SIGTERM", stop);
  return { came, forget: () => void process.off("SIGINT", stop).off("SIGTERM", stop) };
}
