import { sh } from "../base/shell";
import { live } from "./fact";

/** Runs first when the state of a host is read. */
export const noteClock = sh`clock=$(date +%s.%N)`;

/** Seconds since 1970 by the host's clock when reading began: until a host has settled, a minute may pass. */
export const hostClock = live(sh`echo "\${clock:-$(date +%s.%N)}"`, ({ stdout }) => Number(stdout));
