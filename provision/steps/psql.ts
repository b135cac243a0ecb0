import { Command, sh } from "../base/shell";

/** The container that Postgres runs in, as compose names it. */
export const POSTGRES = "airflow-postgres-1";

/** Runs a query in Airflow's database; it prints the bare values, one row a line. */
export const query = (sql: string): Command => sh`docker exec ${POSTGRES} psql -U postgres -d airflow -Atc ${sql}`;

/** The revision of the database's schema. */
export const REVISION = query("select version_num from alembic_version");
