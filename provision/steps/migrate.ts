import { live, stable } from "../change/fact";
import type { Step } from "../change/planning";
import { sh } from "../base/shell";
import { DATA } from "../change/places";
import { RELEASES, Wanted } from "../release/wanted";
import { compose } from "./compose";
import { REVISION } from "./psql";

interface MigrateFacts {
  /** What the last migration wrote: image, digest of the admin's password, database revision. */
  readonly migrated: string | undefined;
  /** The database's own revision; undefined if Postgres does not answer. */
  readonly revision: string | undefined;
}

const MARKER = `${DATA}/migrated`;

/** Migrates the database to the version of the image. It does so only if something differs: a migration takes 8 to 15 s. */
export const migrate: Step<Wanted, MigrateFacts> = {
  name: "migrate",
  facts: () => ({
    migrated: stable(sh`cat ${MARKER}`, ({ code, stdout }) => (code === 0 ? stdout.trim() : undefined)),
    revision: live(sh`${REVISION} 2>/dev/null`, ({ code, stdout }) =>
      code === 0 && stdout.trim() ? stdout.trim() : undefined,
    ),
  }),
  plan({ images, release, adminDigest }, { migrated, revision }) {
    const [image, admin, found] = migrated?.split(" ") ?? [];
    const reason = !migrated
      ? "the database is new"
      : image !== images.airflow
        ? `the image changed: ${image} → ${images.airflow}`
        : admin !== adminDigest
          ? "the admin's password changed"
          : revision !== undefined && revision !== found
            ? `the database is at ${revision}, not at ${found}`
            : undefined;
    if (!reason) return [];
    const file = `${RELEASES}/${release.digest}/compose.yaml`;
    return [
      {
        summary: "migrate the database",
        // Old code must not run on a new schema, so the old services stop first, after their running tasks.
        command: sh`if [ ${image ?? images.airflow} != ${images.airflow} ]; then ${compose(file)} stop api-server scheduler dag-processor triggerer; fi
${compose(file)} up --detach --wait --wait-timeout 120 postgres
${compose(file)} run --rm --no-TTY migrate
printf '%s %s %s\n' ${images.airflow} ${adminDigest} "$(${REVISION})" > ${MARKER}.new
mv ${MARKER}.new ${MARKER}`,
        detail: reason,
      },
    ];
  },
};
