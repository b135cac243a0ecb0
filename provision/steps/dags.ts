import { incoming, DATA } from "../change/places";
import { CheckedDags, DagRelease, parseCheck, sizeOf } from "../release/dag-release";
import { UserError } from "../base/errors";
import { size } from "../base/text";
import { Fact, live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { Command, sh } from "../base/shell";
import { CURRENT, DAG_RELEASES } from "../release/wanted";
import { compose } from "./compose";
import { containerOf } from "./containers";
import { isOpen, requireOpen } from "./database-access";
import { query } from "./psql";

/** sha256 by path of the files in a folder. */
export const filesIn = (folder: Command): Fact<ReadonlyMap<string, string>> =>
  stable(
    sh`cd ${folder} 2>/dev/null && find . -type f -not -path '*/__pycache__/*' -exec sha256sum {} +`,
    ({ stdout }) =>
      new Map([...stdout.matchAll(/^(\w{64}) {2}\.\/(.+)$/gm)].map(([, sha256, path]) => [path!, sha256!])),
  );

/** What the check of a release found; empty if it was never checked. */
export const checkOf = (digest: Command): Fact<CheckedDags> =>
  live(sh`cat ${CHECKS}/${digest}.json`, ({ stdout }) => parseCheck(stdout));

/** The digest of the release that runs. */
export const CURRENT_DIGEST = sh`"$(basename "$(readlink ${DATA}/dags/current)")"`;

interface DagFacts {
  readonly isProvisioned: boolean;
  readonly isOpen: boolean;
  readonly current: string | undefined;
  /** The release that was switched to, as long as Airflow has not shown it. */
  readonly awaited: string | undefined;
  /** sha256 by path of the files in the wanted release's directory. */
  readonly found: ReadonlyMap<string, string>;
}

/** Folder of the results that templates/images/airflow/lib/dag_check.py has printed for each release: <digest>.json. */
const CHECKS = `${DATA}/dags/checks`;
/** Names the release that a push waits for: so that the next push waits on where one has given up. */
const AWAITED = `${DATA}/dags/awaited`;
/** Seconds. Airflow parses new files within its refresh interval, and known ones if their mtime is newer than their last parse. */
const WAIT = 300;

/** Puts a DAG release on the host, checks it there, switches to it, and waits until Airflow shows it. */
export const dags: Step<DagRelease, DagFacts> = {
  name: "dags",
  facts: ({ digest }) => ({
    isProvisioned: stable(sh`test -e ${DATA}/migrated; echo $?`, ({ stdout }) => stdout.trim() === "0"),
    isOpen,
    current: stable(sh`readlink ${DATA}/dags/current`, ({ stdout }) => /^releases\/(\S+)/.exec(stdout)?.[1]),
    awaited: stable(sh`cat ${AWAITED}`, ({ code, stdout }) => (code === 0 ? stdout.trim() : undefined)),
    found: filesIn(sh`${DAG_RELEASES}/${digest}`),
  }),
  plan(release, { isProvisioned, isOpen, current, awaited, found }) {
    if (!isProvisioned) throw new UserError("Airflow is not on this host yet", "run make provision");
    requireOpen(isOpen);
    const isWhole =
      found.size === release.files.length && release.files.every(({ path, sha256 }) => found.get(path) === sha256);
    if (isWhole && current === release.digest) return awaited === release.digest ? [waitFor(release), prune] : [];
    return [
      ...(isWhole ? [] : [upload(release)]),
      check(release, found.size === 0),
      switchTo(release),
      waitFor(release),
      prune,
    ];
  },
};

const DAG_PROCESSOR = containerOf("dag-processor");
const pathOf = ({ digest }: DagRelease): string => `${DAG_RELEASES}/${digest}`;

const upload = (release: DagRelease): Action => ({
  summary: `upload ${release.files.length} DAG file${release.files.length === 1 ? "" : "s"}, ${size(sizeOf(release))}`,
  command: sh`if [ -e ${pathOf(release)} ]; then mv ${pathOf(release)} ${pathOf(release)}.damaged-"$CHANGE"; fi
mv ${incoming("dags")} ${pathOf(release)}
rm -rf ${pathOf(release)}.damaged-*`,
  upload: { name: "dags", files: release.files },
});

/**
 * The check runs in the dag-processor's container, where a process waits for it that has imported Airflow already. If that is
 * not healthy, it runs in a container of its own with the same network, secrets and packages.
 * @param isNew the release was not on the host before: if it is refused, it goes again; runs may still use an older one
 */
const check = (release: DagRelease, isNew: boolean): Action => ({
  summary: "check the DAGs in the deployed Airflow",
  command: sh`mkdir -p ${CHECKS}
check() {
  if [ "$(docker inspect --format '{{.State.Health.Status}}' ${DAG_PROCESSOR} 2> /dev/null)" = healthy ]; then docker exec ${DAG_PROCESSOR} "$@"
  else ${compose(`${CURRENT}/compose.yaml`)} run --rm --no-deps --no-TTY dag-processor "$@"; fi
}
if ! check python /opt/airflow/bin/check_dags.py ${release.isVerbose ? ["log"] : []} ${`/opt/airflow/dags/releases/${release.digest}`} > ${CHECKS}/.new; then
  rm ${CHECKS}/.new
  ${isNew ? sh`rm -rf ${pathOf(release)}` : sh`:`}
  exit 1
fi
mv ${CHECKS}/.new ${checkFile(release.digest)}`,
});

/** Airflow parses a file again only if its mtime is newer than its last parse: a new mtime makes it do so after a switch back, too. */
const switchTo = (release: DagRelease): Action => ({
  summary: `switch to DAG release ${release.digest}`,
  command: sh`find ${pathOf(release)} -type f -exec touch -d '+15 seconds' {} +
echo ${release.digest} > ${AWAITED}
ln -sfn releases/${release.digest} ${DATA}/dags/current.new
mv -T ${DATA}/dags/current.new ${DATA}/dags/current`,
});

/** Prints the ids of a check's DAGs, a line each: no shell reads JSON, which escapes every letter beyond ASCII. */
const DAG_IDS = 'import json, sys; print(*json.load(sys.stdin)["dags"], sep="\\n")';

const waitFor = ({ digest }: DagRelease): Action => ({
  summary: "wait until Airflow shows the new version",
  command: sh`deadline=$(($(date +%s) + ${WAIT}))
wanted=$(docker exec -i ${DAG_PROCESSOR} python -c ${DAG_IDS} < ${checkFile(digest)}) || { echo "the dag-processor does not run: see make status"; exit 1; }
wanted=$(echo "$wanted" | sort)
until [ "$(${query(`select dag_id from public.dag where bundle_name = 'releases' and bundle_version = '${digest}' and not is_stale`)} | sort)" = "$wanted" ]; do
  [ "$(date +%s)" -lt "$deadline" ] || { echo "Airflow does not show version ${digest} of all DAGs after ${WAIT} s; see make logs SERVICE=dag-processor"; exit 1; }
  sleep 0.3
done
rm -f ${AWAITED}`,
});

/** The releases of all runs that Airflow knows stay, and so do the last three, for a quick way back. */
const prune: Action = {
  summary: "remove old DAG releases",
  command: sh`used=$(${query("select distinct bundle_version from public.dag_run where bundle_version is not null")})
cd ${DAG_RELEASES}
for old in $(ls -1t | grep -vx "$(basename "$(readlink ../current)")" | tail -n +4); do
  case " $(echo $used) " in *" $old "*) ;; *) rm -rf "$old" "../checks/$old.json" ;; esac
done`,
};

const checkFile = (digest: string): string => `${CHECKS}/${digest}.json`;
