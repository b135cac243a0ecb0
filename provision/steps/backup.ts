import { incoming, DATA } from "../change/places";
import { UserError } from "../base/errors";
import { live } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { BACKUP_PREFIX } from "../deployment/aws-settings";
import { isOpen, requireOpen } from "./database-access";
import { identityFact, requireWhole } from "./identity";
import { DUMP, POSTGRES, REVISION, query } from "./psql";
import { Identity } from "../release/wanted";

export const BACKUPS = `${DATA}/backups`;

export interface BackupWanted {
  readonly identity: Identity;
  /** The content of secrets/<deployment>.age, which is encrypted. */
  readonly encryptedSecrets: Buffer;
  /** Backups that stay on the host. */
  readonly keep: number;
  /** Files of templates/backup, by name. */
  readonly scripts: Readonly<Record<"helper.py" | "rows.awk", string>>;
}

/** Which backup the host copies, and where to. */
export interface Copy {
  readonly id: string;
  readonly bucket: string;
  /** The account that the bucket is in. */
  readonly owner: string;
  readonly region: string;
  /** The text of templates/aws/host.py. */
  readonly script: string;
}

interface BackupFacts {
  readonly identity: Identity | "damaged" | undefined;
  readonly isPostgresUp: boolean;
  readonly isOpen: boolean;
}

/**
 * A backup is a folder: database.dump (pg_dump -Fc), dags.tar (the DAG release), secrets.age, manifest.json, SHA256SUMS.
 * The folder gets its name only after the dump was read back in full.
 */
export const backup: Step<BackupWanted, BackupFacts> = {
  name: "backup",
  facts: () => ({
    identity: identityFact,
    isPostgresUp: live(sh`docker exec ${POSTGRES} pg_isready --quiet --host=127.0.0.1`, ({ code }) => code === 0),
    isOpen,
  }),
  plan({ identity: ours, encryptedSecrets, keep, scripts }, { identity, isPostgresUp, isOpen }) {
    requireWhole(identity);
    if (!identity) throw new UserError("there is no Airflow on this host to back up", "run make provision");
    if (JSON.stringify(identity) !== JSON.stringify(ours)) {
      throw new UserError(
        "the secrets here are not those of the database on this host: a backup with them would be useless",
        "get the right secrets file from whoever provisioned the host",
      );
    }
    if (!isPostgresUp) throw new UserError("Postgres does not answer", "see make status; make provision starts it");
    requireOpen(isOpen);
    return [checkSpace(encryptedSecrets), dump(scripts), addDags, writeManifest(ours), finish, prune(keep)];
  },
};

/**
 * The folder that the backup is made in. It belongs to the change, whose end deletes it, after a failure, a stop or a kill as
 * well; `finish` moves it to its place before that.
 */
const folder = incoming("backup");
/** Holds the scripts and their notes. */
const work = incoming("backup-work");
const helper = sh`python3 ${work}/helper.py`;

const checkSpace = (encryptedSecrets: Buffer): Action => ({
  summary: "check that there is space for a backup",
  command: sh`chmod 700 ${folder} ${work}
free=$(df --output=avail -B1 ${BACKUPS} | tail -n 1)
needed=$(${query("select pg_database_size('airflow')")})
if [ "$free" -lt "$needed" ]; then
  echo "$free bytes are free on the data volume, the database takes $needed: free some space, or make the volume larger"
  exit 1
fi`,
  upload: { name: "backup", files: [{ path: "secrets.age", content: encryptedSecrets, mode: 0o600 }] },
});

/**
 * Reads the dump while it is made. The manifest is written only if the file on the disk has the sha256 of what was read.
 * `pg_restore --list` accepts a truncated dump; only reading all of its data shows the damage. The rows are counted in the
 * container, because passing them through Docker takes longer than reading them.
 */
const dumpAndRead = sh`${DUMP} |
  ${helper} keep ${folder}/database.dump ${work}/sha256 |
  docker exec -i --env LC_ALL=C ${POSTGRES} bash -o pipefail -c 'pg_restore --data-only --file=- | awk "$1"' bash "$(cat ${work}/rows.awk)" > ${work}/rows`;

/** The second pg_restore reads what --data-only leaves out, which takes no time: it stands at the beginning of the dump. */
const dump = (scripts: BackupWanted["scripts"]): Action => ({
  summary: "dump the database and read the dump back in full",
  command: sh`umask 077
bash -o pipefail -c ${dumpAndRead.text}
docker exec -i ${POSTGRES} pg_restore --schema-only --file=/dev/null < ${folder}/database.dump`,
  upload: {
    name: "backup-work",
    files: Object.entries(scripts).map(([path, content]) => ({ path, content, mode: 0o600 })),
  },
});

const addDags: Action = {
  summary: "put the DAGs beside the dump",
  command: sh`umask 077
if release=$(readlink ${DATA}/dags/current); then
  tar --create --file=${folder}/dags.tar --directory=${DATA}/dags/releases "$(basename "$release")"
  tar --compare --file=${folder}/dags.tar --directory=${DATA}/dags/releases
fi`,
};

const VERSION = 'import importlib.metadata; print(importlib.metadata.version("apache-airflow"))';

/** Airflow's version is asked of the scheduler's container: the deployment file may want another one by now. */
const writeManifest = (identity: Identity): Action => ({
  summary: "write the manifest",
  command: sh`umask 077
airflow=
if image=$(docker inspect --format '{{.Image}}' airflow-scheduler-1 2> /dev/null); then
  airflow=$(docker exec airflow-scheduler-1 python -c ${VERSION} 2> /dev/null) ||
    airflow=$(docker run --rm --pull never --network none --read-only --entrypoint python "$image" -c ${VERSION})
fi
postgres=$(${query("show server_version")})
revision=$(${REVISION})
release=$(readlink ${DATA}/dags/current) || release=
${helper} manifest ${folder} ${work}/sha256 ${work}/rows "$CHANGE" ${JSON.stringify(identity)} "$airflow" "$postgres" "$revision" "$(basename "$release")"`,
});

const finish: Action = {
  summary: "put the backup in place",
  command: sh`sync -f ${folder}
mv ${folder} ${BACKUPS}/"$CHANGE"
sync -f ${BACKUPS}`,
};

/**
 * Copies a backup into the bucket, as a change of its own after the backup. The host may add to the bucket, but neither
 * read nor delete there, so somebody who breaks into the host cannot destroy the copies.
 */
export const backupCopy: Step<Copy> = {
  name: "backup-copy",
  facts: () => ({}),
  plan: ({ id, bucket, owner, region, script }) => [
    {
      summary: `put a copy into the bucket ${bucket}`,
      command: sh`python3 - upload ${bucket} ${owner} ${region} ${`${BACKUP_PREFIX}${id}/`} ${BACKUPS}/${id}`,
      stdin: script,
    },
  ],
};

/** How backups are named. Whatever else lies beside them is somebody's. */
const ID = "^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$";

/** Old backups are removed only after a newer one was verified. */
const prune = (keep: number): Action => ({
  summary: "remove backups that are too old to keep here",
  command: sh`cd ${BACKUPS}
ls -1 | grep -E ${ID} | sort -r | tail -n ${`+${keep + 1}`} | grep -vxF "$CHANGE" | xargs -r rm -rf`,
});
