import { Life } from "../../support/life";

/** As a task, or anybody who writes DAGs: runs SQL with what the scheduler's container has. */
const AS_TASK = `docker exec -i airflow-scheduler-1 python -c '
import re, sys, psycopg2
url = re.sub(r"^postgresql\\+\\w+:", "postgresql:", open("/run/secrets/database_url").read())
with psycopg2.connect(url) as connection, connection.cursor() as cursor:
    cursor.execute(sys.stdin.read())
    for row in cursor.fetchall() if cursor.description else []:
        print(*row)
'`;

/** Everywhere that an unqualified or a qualified name could be looked up: a view that notes who has read it. */
const TRAPS = `
create table public.attack (role text, is_superuser text);
grant all on public.attack to public;
create function public.trap() returns text language plpgsql as $$
begin
  insert into public.attack values (current_user, current_setting('is_superuser'));
  return 'trapped';
end $$;
create schema postgres;
create schema airflow;
grant usage on schema postgres, airflow to public;
create view postgres.alembic_version as select public.trap() as version_num;
create view airflow.alembic_version as select public.trap() as version_num;
grant select on postgres.alembic_version, airflow.alembic_version to public;
alter table public.alembic_version rename to alembic_version_kept;
create view public.alembic_version as select public.trap() as version_num;
grant select on public.alembic_version to public;`;

const CLEANED = `
drop view public.alembic_version;
alter table public.alembic_version_kept rename to alembic_version;
drop schema postgres, airflow cascade;
drop function public.trap;
drop table public.attack;`;

/** Authors of DAGs own Airflow's database; they must not own Postgres, whose processes read all of its files. */
export function database(life: Life): void {
  const asTask = (sql: string): Promise<string> => life.host(`${AS_TASK} <<'END'\n${sql}\nEND`);

  test("what an author of DAGs leaves in the database runs with the rights of its owner, not of the superuser", async () => {
    await asTask(TRAPS);
    try {
      const { code, text } = await life.run("plan");
      expect({ code, text }).toMatchObject({
        code: 0,
        text: expect.stringMatching(/the database is at trapped, not at/),
      });
      expect(await asTask("select distinct role, is_superuser from public.attack")).toBe("airflow off\n");
    } finally {
      await asTask(CLEANED);
    }
    expect((await life.make("plan")).text).not.toMatch(/migrate/);
  });

  test("a service logs in as a role of its own, and acts as the owner of the database", async () => {
    expect(await asTask("select session_user, current_user")).toBe("airflow_a airflow\n");
    expect(await asTask("select count(*) from pg_class where relowner not in (10, 'airflow'::regrole)")).toBe("0\n");
  });

  test("the health check of Postgres leaves no line in its log", async () => {
    await life.host("sleep 12");
    expect(await life.host("docker logs --since 11s airflow-postgres-1 2>&1 | grep FATAL || true")).toBe("");
  });

  test("only containers that mount secrets are in the group that may read them", async () => {
    const groups = await life.host(
      "for name in postgres api-server scheduler dag-processor triggerer; do echo $name $(docker exec airflow-$name-1 id -G); done",
    );
    expect(groups.trim().split("\n")).toEqual([
      "postgres 999",
      ...["api-server", "scheduler", "dag-processor", "triggerer"].map((name) => `${name} 0 50001`),
    ]);
  });
}
