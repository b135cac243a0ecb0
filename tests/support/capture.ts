import { UserError } from "../../provision/base/errors";

/** What is written to stderr while `work` runs, and its result or error. */
export async function listen<T>(work: () => Promise<T>): Promise<{ said: string; value?: T; error?: UserError }> {
  let said = "";
  const spy = jest.spyOn(process.stderr, "write").mockImplementation((text) => ((said += String(text)), true));
  try {
    return { value: await work(), said };
  } catch (error) {
    return { error: error as UserError, said };
  } finally {
    spy.mockRestore();
  }
}

/** The error that `work` fails with. */
export async function errorOf(work: Promise<unknown>): Promise<UserError> {
  const { error } = await listen(() => work);
  if (!error) throw new Error("it succeeded");
  return error;
}

/** Waits until `what` is true. @param seconds how long at most */
export async function until(what: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`not true after ${seconds} s: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
