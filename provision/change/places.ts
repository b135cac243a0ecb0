import { Command, sh } from "../base/shell";

/** Where the files of a change lie on the host. The scripts in on-host/ get the same values: see `settingsOfScripts`. */

/** The data volume's mount point: it outlives the host. */
export const DATA = "/srv/airflow";
/** The systemd unit that a change runs as. While it is active no other change starts. */
export const UNIT = "airflow-change.service";
/** A folder for each change: about.json, log and outcome. On the root disk, since mounting the data volume is a change, too. */
export const RECORDS = "/var/lib/airflow-deployment/changes";
/** Copies of the records on the data volume, which outlives the host. */
const RECORD_COPIES = `${DATA}/changes`;
/** The scripts of a change and their secret inputs, in memory, until the unit ends. */
const RUNS = "/run/airflow-change";
/** Log and outcome of the newest changes, in memory: a full disk must not lose them. */
export const OUTCOMES = "/run/airflow-outcomes";
const INCOMING = `${DATA}/.incoming`;

export const runOf = (id: string): string => `${RUNS}/${id}`;
export const outcomeOf = (id: string): string => `${OUTCOMES}/${id}`;
/** Where uploads lie until an action renames them. */
export const incomingOf = (id: string): string => `${INCOMING}-${id}`;

/** An upload of the running change, for the command of an action: `$CHANGE` is the change's id. */
export const incoming = (upload: string): Command => sh`${INCOMING}-"$CHANGE"/${upload}`;
/** A file in memory that is deleted when the running change ends, for the command of an action. */
export const temporary = (name: string): Command => sh`${RUNS}/"$CHANGE"/${name}`;

/** Shell assignments that every script of on-host/ begins with. */
export const settingsOfScripts = sh`UNIT=${UNIT} DATA=${DATA} RECORDS=${RECORDS} RECORD_COPIES=${RECORD_COPIES} RUNS=${RUNS} OUTCOMES=${OUTCOMES} INCOMING=${INCOMING}`;
