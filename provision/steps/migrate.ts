import { live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { Command, lines, sh } from "../base/shell";
import { DATA } from "../change/places";
import { RELEASES, Wanted } from "../release/wanted";
import { compose } from "./compose";
import { REVISION } from "./psql";
import { stopHungScheduler } from "./service-actions";

interface MigrateFacts {
  /** What the last migration wrote: image, digest of the admin's password, database revision, `schemaOf` the image. */
  readonly migrated: string | undefined;
  /** The database's own revision; undefined if Postgres does not answer. */
  readonly revision: string | undefined;
  readonly newestBackup: string | undefined;
}

const MARKER = `${DATA}/migrated`;

/** The fact that both `migrate` and `services` plan with. */
export const migratedFact = stable(sh`cat ${MARKER}`, ({ code, stdout }) => (code === 0 ? stdout.trim() : undefined));

/**
 * The versions of the packages that have tables in the database, as in 3.3.2+3.10.2 (Airflow's and that of its user
 * management); undefined for an image of the operator's, which may have any.
 */
export function schemaOf({ release, deployment }: Wanted): string | undefined {
  if (deployment.airflow.image) return undefined;
  const lock = release.files.find(({ path }) => path === "images/requirements.lock")?.content.toString() ?? "";
  const version = (name: string): string | undefined => new RegExp(`^${name}==(\\S+)`, "m").exec(lock)?.[1];
  return `${version("apache-airflow-core")}+${version("apache-airflow-providers-fab")}`;
}

interface Mark {
  readonly image?: string;
  readonly admin?: string;
  readonly revision?: string;
  readonly schema?: string;
}

function parseMark(migrated: string | undefined): Mark {
  const [image, admin, revision, schema] = migrated?.split(" ") ?? [];
  return { image, admin, revision, schema } as Mark;
}

/** Whether old code runs that does not know the schema that the image will make. @param migrated what MARKER says */
export function mayChangeSchema(wanted: Wanted, migrated: string | undefined): boolean {
  const { image, schema } = parseMark(migrated);
  return image !== undefined && image !== wanted.images.airflow && (!schema || schema !== schemaOf(wanted));
}

/** What to do, and why; undefined if the database is as it should be. @param revision the database's own, if it answers */
function reasonFor(
  wanted: Wanted,
  migrated: string | undefined,
  revision: string | undefined,
): Pick<Action, "summary" | "detail"> | undefined {
  const found = parseMark(migrated);
  const { airflow } = wanted.images;
  const migrate = (detail: string) => ({ summary: "migrate the database", detail }) as const;
  if (!migrated) return migrate("no migration has finished on this data volume yet");
  if (mayChangeSchema(wanted, migrated)) return migrate(`the image changed: ${found.image} → ${airflow}`);
  if (revision !== undefined && revision !== found.revision)
    return migrate(`the database is at ${revision}, not at ${found.revision}`);
  if (found.image !== airflow)
    return {
      summary: "check the database with the new image",
      detail: "it has the same version of Airflow: the schema stays",
    };
  if (found.admin !== wanted.adminDigest)
    return { summary: "set the admin's password", detail: "it differs (values are not shown)" };
  return undefined;
}

/** Migrates the database to the version of the image. It does so only if something differs: a migration takes 8 to 15 s. */
export const migrate: Step<Wanted, MigrateFacts> = {
  name: "migrate",
  facts: () => ({
    migrated: migratedFact,
    revision: live(sh`${REVISION} 2>/dev/null`, ({ code, stdout }) =>
      code === 0 && stdout.trim() ? stdout.trim() : undefined,
    ),
    newestBackup: live(sh`ls -1 ${DATA}/backups`, ({ stdout }) => stdout.trim().split("\n").sort().at(-1) || undefined),
  }),
  plan(wanted, { migrated, revision, newestBackup }) {
    const { images, release, adminDigest, deployment } = wanted;
    const reason = reasonFor(wanted, migrated, revision);
    if (!reason) return [];
    const stops = mayChangeSchema(wanted, migrated);
    const file = `${RELEASES}/${release.digest}/compose.yaml`;
    return [
      {
        ...reason,
        command: lines(
          ...(stops
            ? [stopOldCode(file, parseMark(migrated).revision ?? "", newestBackup, deployment.airflow.drain)]
            : []),
          // While tasks run Postgres stays as it is: if it must be recreated, the step services does so after the tasks.
          sh`${compose(file)} up --detach --wait --wait-timeout 120 ${stops ? [] : ["--no-recreate"]} postgres
${compose(file)} run --rm --no-deps --no-TTY migrate
printf '%s %s %s %s\n' ${images.airflow} ${adminDigest} "$(${REVISION})" ${schemaOf(wanted) ?? ""} > ${MARKER}.new
mv ${MARKER}.new ${MARKER}`,
        ),
      },
    ];
  },
};

/**
 * Old code must not run on a new schema, so the old services stop first, after their running tasks. If anything fails
 * afterwards and the schema is still the old one, they start again; the api-server first, because a task that starts without
 * one fails.
 * @param revision the schema that the old code knows
 * @param drain how long to wait for tasks, in seconds
 */
const stopOldCode = (
  file: string,
  revision: string,
  newestBackup: string | undefined,
  drain: number,
): Command => sh`ran=
for service in api-server triggerer dag-processor scheduler; do
  name=airflow-$service-1
  if [ "$(docker inspect --format '{{.State.Running}}' $name 2> /dev/null)" = true ]; then ran="$ran $name"; fi
done
go_on() {
  code=$?
  set +e
  failed=
  [ $code -ne 0 ] || exit 0
  found=$(${REVISION} 2> /dev/null)
  if [ "$found" = ${revision} ]; then
    for name in $ran; do
      docker start $name > /dev/null || failed="$failed $name"
      if [ $name = airflow-api-server-1 ]; then timeout 120 sh -c ${UNTIL_HEALTHY} $name; fi
    done
    if [ -z "$failed" ]; then echo "the database's schema has not changed: the old services run again"
    else echo "the database's schema has not changed, but these do not start again:$failed"; fi
  else
    echo "the database's schema is at \${found:-an unknown revision} now; the old services know only "${revision}" and stay stopped"
    echo ${hint(newestBackup)}
  fi
  exit $code
}
trap go_on EXIT
trap 'exit 143' HUP INT TERM
${stopHungScheduler(drain)}
${compose(file)} stop api-server scheduler dag-processor triggerer`;

const UNTIL_HEALTHY = `until [ "$(docker inspect --format '{{.State.Health.Status}}' $0)" = healthy ]; do sleep 1; done`;

const hint = (newestBackup: string | undefined): string =>
  `hint: mend the cause and run the same verb again: it goes on from there; ${newestBackup ? `the newest backup on the host is ${DATA}/backups/${newestBackup}` : "there is no backup on the host"}`;
