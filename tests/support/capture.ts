import { UserError } from "../../provision/base/errors";

/** What is said on stderr while `work` runs, and what it ends with. */
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

/** The error that something ends with. */
export async function errorOf(work: Promise<unknown>): Promise<UserError> {
  const { error } = await listen(() => work);
  if (!error) throw new Error("it succeeded");
  return error;
}

/** Asks until the answer is not false. */
export async function until(what: () => boolean | Promise<boolean>, seconds = 15): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`not true after ${seconds} s: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
