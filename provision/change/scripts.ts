import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../base/checkout";
import { Command, lines, script } from "../base/shell";
import { settingsOfScripts } from "./places";

type Name = "start" | "driver" | "end" | "follow" | "reboot";
/** Scripts that start the unit need the functions of unit.sh. */
const USES_UNIT: readonly Name[] = ["start", "reboot"];

const read = (name: string): Command =>
  script(readFileSync(join(ROOT, "provision/change/on-host", `${name}.sh`), "utf8"));

/** A script of on-host/, preceded by the paths and functions that it uses. */
export const onHost = (name: Name): Command =>
  lines(settingsOfScripts, ...(USES_UNIT.includes(name) ? [read("unit")] : []), read(name));
