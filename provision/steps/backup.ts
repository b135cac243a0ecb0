import { incoming, DATA } from "../change/places";
import { UserError } from "../base/errors";
import { live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { script, sh } from "../base/shell";
import { BACKUP_PREFIX } from "../deployment/aws-settings";
import { POSTGRES, REVISION, query } from "./psql";
import { Identity } from "../release/wanted";

export const BACKUPS = `${DATA}/backups`;

export interface BackupWanted {
  readonly identity: Identity;
  /** The content of secrets/<deployment>.age, which is encrypted. */
  readonly encryptedSecrets: Buffer;
  /** Backups that stay on the host. */
  readonly keep: number;
  readonly airflowImage: string;
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
  readonly identity: string | undefined;
  readonly isPostgresUp: boolean;
}

/**
 * A backup is a folder: database.dump (pg_dump -Fc), dags.tar (the DAG release), secrets.age, manifest.json, SHA256SUMS.
 * The folder gets its name only after the dump was read back in full.
 */
export const backup: Step<BackupWanted, BackupFacts> = {
  name: "backup",
  facts: () => ({
    identity: stable(sh`cat ${DATA}/identity.json`, ({ stdout }) => stdout.trim() || undefined),
    isPostgresUp: live(sh`docker exec ${POSTGRES} pg_isready --quiet --host=127.0.0.1`, ({ code }) => code === 0),
  }),
  plan({ identity: ours, encryptedSecrets, keep, airflowImage }, { identity, isPostgresUp }) {
    if (!identity) throw new UserError("there is no Airflow on this host to back up", "run make provision");
    if (JSON.stringify(JSON.parse(identity)) !== JSON.stringify(ours)) {
      throw new UserError(
        "the secrets here are not those of the database on this host: a backup with them would be useless",
        "get the right secrets file from whoever provisioned the host",
      );
    }
    if (!isPostgresUp) throw new UserError("Postgres does not answer", "see make status; make provision starts it");
    return [
      prepare,
      dump,
      readBack,
      addFiles(encryptedSecrets),
      writeManifest(ours, airflowImage),
      finish,
      prune(keep),
    ];
  },
};

const partial = sh`${BACKUPS}/.partial-"$CHANGE"`;

const prepare: Action = {
  summary: "make a place for the backup",
  command: sh`umask 077
rm -rf ${BACKUPS}/.partial-*
mkdir ${partial}
free=$(df --output=avail -B1 ${BACKUPS} | tail -n 1)
needed=$(${query("select pg_database_size('airflow')")})
if [ "$free" -lt "$needed" ]; then
  rmdir ${partial}
  echo "$free bytes are free on the data volume, the database takes $needed: free some space, or make the volume larger"
  exit 1
fi`,
};

/** This is not a pipe, because a pipe's exit code is that of its last command, even if the dump fails. */
const dump: Action = {
  summary: "dump the database",
  command: sh`umask 077
docker exec ${POSTGRES} pg_dump -U postgres --format=custom airflow > ${partial}/database.dump || { rm -rf ${partial}; exit 1; }
sync ${partial}/database.dump`,
};

/** `pg_restore --list` accepts a truncated dump; only reading all of it shows the damage. The rows are counted on the way, so the counts fit the dump exactly. */
const readBack: Action = {
  summary: "read the dump back in full",
  command: sh`bash -o pipefail -c ${`docker exec -i ${POSTGRES} pg_restore --data-only --file=- < "$1/database.dump" | awk '
    copying && $0 == "\\\\." { rows[table] = count; copying = 0; next }
    copying { count++; next }
    /^COPY / { table = $2; copying = 1; count = 0 }
    END { if (copying) exit 1; for (table in rows) printf "%s\\"%s\\": %d", n++ ? ", " : "", table, rows[table] }' > "$1/rows"`} sh ${partial} || { rm -rf ${partial}; exit 1; }
docker exec -i ${POSTGRES} pg_restore --file=/dev/null < ${partial}/database.dump || { rm -rf ${partial}; exit 1; }`,
};

const addFiles = (encryptedSecrets: Buffer): Action => ({
  summary: "put the DAGs and the encrypted secrets beside the dump",
  command: sh`umask 077
cp ${incoming("backup")}/secrets.age ${partial}/secrets.age
if [ -e ${DATA}/dags/current ]; then tar --create --file=${partial}/dags.tar --directory=${DATA}/dags/releases "$(basename "$(readlink ${DATA}/dags/current)")"; fi`,
  upload: { name: "backup", files: [{ path: "secrets.age", content: encryptedSecrets, mode: 0o600 }] },
});

const writeManifest = (identity: Identity, image: string): Action => ({
  summary: "write the manifest",
  command: sh`umask 077
cd ${partial}
version=$(docker run --pull never --rm --network none --read-only ${image} python -c 'import importlib.metadata; print(importlib.metadata.version("apache-airflow"))')
files=
for file in *; do
  [ "$file" = rows ] && continue
  files="$files\${files:+, }\\"$file\\": {\\"sha256\\": \\"$(sha256sum < "$file" | cut -c 1-64)\\", \\"size\\": $(stat -c %s "$file")}"
done
cat > manifest.json <<END
{
  "id": "$CHANGE",
  "made": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "identity": ${script(JSON.stringify(identity))},
  "airflow": "$version",
  "postgres": "$(${query("show server_version")})",
  "revision": "$(${REVISION})",
  "dagRelease": "$(basename "$(readlink ${DATA}/dags/current 2>/dev/null)")",
  "files": {$files},
  "rows": {$(cat rows)}
}
END
rm rows
sha256sum * > SHA256SUMS`,
});

const finish: Action = {
  summary: "put the backup in place",
  command: sh`sync -f ${partial}
(cd ${partial} && sha256sum --check --quiet --strict SHA256SUMS)
mv ${partial} ${BACKUPS}/"$CHANGE"
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

/** Old backups are removed only after a newer one was verified. */
const prune = (keep: number): Action => ({
  summary: "remove backups that are too old to keep here",
  command: sh`cd ${BACKUPS} && ls -1 | sort -r | tail -n ${`+${keep + 1}`} | xargs -r rm -rf`,
});
