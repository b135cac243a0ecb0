import { UserError } from "../base/errors";
import { duration } from "../base/text";
import { hostClock } from "../change/host-clock";
import type { Step } from "../change/planning";

/** Seconds. The tokens of Airflow's tasks break at 10. */
const CLOCK_SKEW = 5;

/** What is wrong with the host's clock. @param ours this machine's, when the facts were asked for */
export function clockProblem(theirs: number, ours: number): string | undefined {
  const skew = Math.abs(theirs - ours);
  if (skew <= CLOCK_SKEW) return undefined;
  return `its clock differs from this machine's by ${duration(skew)}: at most ${CLOCK_SKEW} s are allowed`;
}

/** Refuses a host whose clock is wrong, for the verbs that do not look at the whole of it. */
export const clock: Step<{ readonly clock: number }, { readonly theirs: number }> = {
  name: "clock",
  facts: () => ({ theirs: hostClock }),
  plan(wanted, { theirs }) {
    const problem = clockProblem(theirs, wanted.clock);
    if (!problem) return [];
    throw new UserError(
      `this host is not fit for Airflow: ${problem}`,
      "set the clock that is wrong; nothing was changed",
    );
  },
};
