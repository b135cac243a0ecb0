import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The root of the checkout. The verbs run from node_modules/.compiled (see ./run), tests from the sources: both lie below it. */
export const ROOT = above(__dirname);

function above(folder: string): string {
  return existsSync(join(folder, "Makefile")) ? folder : above(dirname(folder));
}
