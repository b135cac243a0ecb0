import type { Context } from "./context";
import { UserError } from "./errors";

/** Runs a verb's work. If it fails, shows the error with its hint and sets the exit code. */
export function runMain({ screen }: Context, work: () => Promise<void>): void {
  work().catch((error: unknown) => {
    screen.clearStatus();
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
    if (!(error instanceof UserError) || process.env["DEBUG"]) return console.error(error);
    screen.say(`error: ${error.message}`);
    if (error.hint) screen.say(`hint: ${error.hint}`);
  });
}
