import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The root of the checkout. `./run` says it for the verbs: what it has compiled may lie elsewhere, as node_modules may be
 * a link. Tests run from the sources, which lie below the root.
 */
export const ROOT: string =
  (globalThis as Record<symbol, any>)[Symbol.for("airflow-deployment.root")] ?? above(__dirname);

function above(folder: string): string {
  if (existsSync(join(folder, "Makefile"))) return folder;
  if (folder === dirname(folder)) throw new Error(`${__dirname} is in no checkout: no folder above it has a Makefile`);
  return above(dirname(folder));
}
