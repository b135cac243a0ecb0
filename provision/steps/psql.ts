import { DATA } from "../change/places";
import { Command, sh } from "../base/shell";

/** The container that Postgres runs in, as compose names it. */
export const POSTGRES = "airflow-postgres-1";
/** Postgres' own folder on the host. */
export const CLUSTER = `${DATA}/postgres/17`;
/** The role that owns Airflow's database. */
export const OWNER = "airflow";

/**
 * The longest that a connection or a query may take: a view in the database may never end.
 * An unqualified name means what Postgres itself has under this name, whatever is in the database.
 */
const connection = (role: string, database: string): string =>
  `user=${role} dbname=${database} connect_timeout=10 options='-c search_path=pg_catalog -c statement_timeout=60s'`;

/**
 * Runs a query in Airflow's database; it prints the bare values, one row a line. Tables are named with their schema:
 * `public.dag`. Authors of DAGs may change everything in this database, so the query has the rights of its owner, no more.
 */
export const query = (sql: string): Command =>
  sh`docker exec ${POSTGRES} psql -X -d ${connection(OWNER, "airflow")} -Atc ${sql}`;

const asSuperuser = connection("postgres", "postgres");

/**
 * Runs a query as the superuser. It is not connected to Airflow's database but to one that nobody else can connect to: the
 * superuser must run nothing that an author of DAGs has made.
 */
export const administer = (sql: string): Command => sh`docker exec ${POSTGRES} psql -X -d ${asSuperuser} -Atc ${sql}`;

/** The same for the SQL in standard input: all of it, or nothing. Errors do not repeat it, because it may hold a secret. */
export const ADMINISTER = sh`docker exec -i ${POSTGRES} psql -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=terse -d ${asSuperuser} --single-transaction --file=-`;

/** Prints a dump of Airflow's database. */
export const DUMP = sh`docker exec ${POSTGRES} pg_dump -U ${OWNER} --format=custom --compress=gzip:3 airflow`;

/** The revision of the database's schema. */
export const REVISION = query("select version_num from public.alembic_version");
