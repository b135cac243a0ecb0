import { inspect } from "node:util";
import type { Context } from "./context";
import { UserError } from "./errors";

/** Runs a verb's work. If it fails, shows the error with its hint and sets the exit code. */
export function runMain({ screen }: Context, work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    screen.clearStatus();
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
    if (process.env["DEBUG"]) return screen.say(inspect(error));
    if (error instanceof UserError) {
      screen.say(`error: ${error.message}`);
      if (error.hint) screen.advise(`hint: ${error.hint}`);
    } else {
      screen.say(inspect(error));
      screen.say("hint: this is a bug of this tool; DEBUG=1 shows where in its sources");
    }
  });
}
