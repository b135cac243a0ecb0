import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Deployment } from "../deployment/deployment";

/** Deletes what was learned about destroyed hosts. Their pinned keys may stay, because another host has another id. */
export function forgetHosts({ paths }: Deployment): void {
  rmSync(paths.outputs, { force: true });
  for (const folder of ["cdktf.out", "terraform"]) rmSync(join(paths.state, folder), { recursive: true, force: true });
}
