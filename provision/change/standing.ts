import { Command, sh } from "../base/shell";
import { Fact, live, stable } from "./fact";
import { noteClock } from "./host-clock";
import { DATA, OUTCOMES, RECORDS, UNIT } from "./places";

/** Who changes the host, and with which verb. */
export interface Author {
  readonly verb: string;
  readonly operator: string;
}

/** What the record of a change says about it. */
export interface About extends Author {
  readonly id: string;
  /** ISO 8601, UTC, by the clock of the operator. */
  readonly since: string;
  /** Summaries of the actions, in their order. */
  readonly actions: readonly string[];
}

export interface PreviousChange {
  readonly about: About;
  readonly outcome: Outcome;
}

/** How a change ended. `at` is the index of the action it ended at. */
export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly at?: number }
  | { readonly kind: "stale" }
  | { readonly kind: "stopped"; readonly at?: number }
  | { readonly kind: "interrupted"; readonly at?: number };

export const describe = ({ verb, operator, since }: About): string =>
  `${verb} by ${operator} since ${since.replace(/\.\d+Z$/, "Z")}`;

/**
 * Prints how a change ended, and the last mark of its log, one line each. The files in memory are read before the record:
 * a full disk may have kept them out of it.
 * @param id as the shell expands it @returns a command whose working directory must be RECORDS
 */
export function outcomeCommand(id: Command): Command {
  return sh`cat ${OUTCOMES}/${id}/outcome ${id}/outcome 2> /dev/null | grep . | head -n 1 | grep . || echo none
cat ${OUTCOMES}/${id}/log ${id}/log 2> /dev/null | grep -a ^::${id}: | tail -n 1`;
}

/** @param text `EXIT_CODE=… EXIT_STATUS=…` as the unit's ExecStopPost wrote it, or anything else if it wrote nothing */
export function parseOutcome(text: string, lastMark = ""): Outcome {
  const [, , word, at] = /^::([^:]+):(\w+) ?(\d+)?/.exec(lastMark) ?? [];
  const where = at === undefined || word === "done" ? {} : { at: Number(at) };
  const [, code, status] = /EXIT_CODE=(\S*) EXIT_STATUS=(\S*)/.exec(text) ?? [];
  if (code !== "exited") return { kind: "interrupted", ...where };
  if (status === "0") return { kind: "done" };
  if (status === "3") return { kind: "stale" };
  return { kind: status === "4" ? "stopped" : "failed", ...where };
}

/** Facts that are read for every plan, whatever its steps are; the change compares the stable ones. */
export const standing = {
  machine: stable(sh`cat /etc/machine-id /proc/sys/kernel/random/boot_id`, ({ stdout }) => stdout.trim()),
  releases: stable(sh`readlink ${DATA}/current; readlink ${DATA}/dags/current; true`, ({ stdout }) => stdout),
  newest: stable(sh`cat ${RECORDS}/newest 2>/dev/null; true`, ({ stdout }) => stdout.trim() || undefined),
  /** The description of the change that runs now. */
  running: live(sh`systemctl show -p ActiveState -p Description ${UNIT}`, ({ stdout }) => {
    const is = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(stdout)?.[1] ?? "";
    return /^(active|activating|deactivating)$/.test(is("ActiveState")) ? is("Description") : undefined;
  }),
  previous: live(
    sh`cd ${RECORDS} 2>/dev/null && id=$(cat newest) && cat "$id/about.json" && { ${outcomeCommand(sh`"$id"`)}; }; true`,
    ({ stdout }) => parsePrevious(stdout),
  ),
} satisfies Record<string, Fact<unknown>>;

/**
 * Waits until the host has booted and Docker, with its containerd, is neither starting nor stopping: what is read in between is out of date a
 * moment later. It waits for a minute at most, since a host may also stay in such a state, and is then repaired.
 */
export const settle = sh`${noteClock}
n=0
while [ $n -lt 300 ]; do
  case "$(systemctl is-system-running) $(systemctl is-active docker.service containerd.service)" in
  initializing* | starting* | *activating* | *reloading*) sleep 0.2 ;;
  *) break ;;
  esac
  n=$((n + 1))
done`;

/** What has happened if a stable one differs. */
export const DIFFERS: Readonly<Record<string, string>> = {
  machine: "the host was rebooted or replaced",
  releases: "the host was switched to another release",
  newest: "another change was made",
};

function parsePrevious(stdout: string): PreviousChange | undefined {
  const [about, outcome = "", mark] = stdout.split("\n");
  try {
    return { about: JSON.parse(about!) as About, outcome: parseOutcome(outcome, mark) };
  } catch {
    // No change was made yet, or a power cut left half of its record.
    return undefined;
  }
}

/** The summary of the action that a change ended at. */
export const actionAt = ({ actions }: About, outcome: Outcome): string | undefined =>
  "at" in outcome && outcome.at !== undefined ? actions[outcome.at] : undefined;

/** `the previous change (provision by ann since 2026-01-01T00:00:00Z) was interrupted at "write x"` */
export function noteOf({ about, outcome }: PreviousChange): string {
  const action = actionAt(about, outcome);
  const where = (word: string): string => (action ? ` ${word} "${action}"` : "");
  const ended: Record<typeof outcome.kind, string> = {
    done: "ended well",
    failed: `failed${where("at")}`,
    stale: "touched nothing: the host had changed",
    stopped: `was stopped${where("before")}`,
    interrupted: `was interrupted${where("at")}`,
  };
  return `the previous change (${describe(about)}) ${ended[outcome.kind]}`;
}
