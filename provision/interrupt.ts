import type { Interrupted } from "./errors";

/** Waits for work until Ctrl-C (or SIGTERM) comes: then `reason` is thrown at once, and the work is left alone. */
export async function unlessInterrupted<T>(work: Promise<T>, reason: () => Interrupted): Promise<T> {
  let stop: () => void = () => undefined;
  const interrupted = new Promise<never>((_resolve, reject) => (stop = () => reject(reason())));
  work.catch(() => undefined);
  process.on("SIGINT", stop).on("SIGTERM", stop);
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
