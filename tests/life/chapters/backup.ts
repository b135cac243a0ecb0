import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { decrypt } from "../../../provision/deployment/age";
import { Life, pipe, text } from "../../support/life";

/** Stands before a program in the PATH of changes; `$*` are its arguments. */
const standIn = (program: string, cases: string): string => `cat > /usr/local/sbin/${program} <<'END'
#!/bin/sh
case $* in ${cases} *) exec /usr/bin/${program} "$@" ;; esac
END
chmod 755 /usr/local/sbin/${program}`;
const FULL = `echo "cannot write: No space left on device" >&2; exit 1`;

/** Tables with a column whose names need quotes, in SQL, in JSON, or in both. */
const ODD: Readonly<Record<string, string>> = {
  'public."Odd ""Name"" x"': `"Col ""1"""`,
  'public."back\\slash.dot"': "id",
  'public."CAPITALS"': `"Id"`,
};

/** Backups are proven readable before they have a name. */
export function backup(life: Life): void {
  const psql = (sql: string): Promise<string> =>
    life.host(`docker exec -i airflow-postgres-1 psql -U airflow -d airflow -v ON_ERROR_STOP=1 -At <<'END'
${sql}
END`);
  /** What backups leave behind. */
  const traces = async (): Promise<unknown> => [
    readdirSync(life.deployment.paths.backups),
    await life.host("ls -A /srv/airflow /srv/airflow/backups /run/airflow-change"),
  ];

  test("make backup pulls what runs, whatever is wanted by now: proven, and encrypted to whoever can read the secrets", async () => {
    const tables = Object.entries(ODD);
    await psql(tables.map(([table, column], i) => `create table ${table} as select ${i} as ${column};`).join("\n"));
    // An image that is not on the host, and certificates that are not on this machine.
    life.set({ requirements: ["not-installed-here>=1"] });
    const { text: said, stdout } = await life.make("backup", { SSL_CERT_FILE: "/nowhere" });
    life.set({ requirements: [] });
    await psql(tables.map(([table]) => `drop table ${table};`).join("\n"));
    expect(said).toMatch(/dumped the database and read the dump back in full/);

    const folder = /^backup (\S+) \(.*\), verified and encrypted, in /.exec(stdout)![1]!;
    expect(readdirSync(folder).sort()).toEqual([
      "SHA256SUMS",
      "dags.tar.age",
      "database.dump.age",
      "manifest.json",
      "secrets.age",
    ]);
    const { paths } = life.deployment;
    expect(readFileSync(join(folder, "secrets.age"))).toEqual(readFileSync(paths.secrets));
    expect(await decrypt(readFileSync(join(folder, "database.dump.age")), text(paths.ageIdentity))).toMatch(/^PGDMP/);
    const sums = await pipe("sh", ["-c", 'cd "$1" && sha256sum --check --strict SHA256SUMS', "sh", folder]);
    expect(sums.code).toBe(0);
    const { dagRelease } = await life.trace();
    const manifest = JSON.parse(text(join(folder, "manifest.json"))) as Record<string, any>;
    expect(manifest).toMatchObject({
      identity: { deployment: "life" },
      airflow: expect.stringMatching(/^3\.3\.\d+$/),
      postgres: expect.stringMatching(/^17\.\d+/),
      dagRelease: dagRelease.replace("releases/", ""),
      rows: Object.fromEntries(tables.map(([table]) => [table, 1])),
    });
    const runs = await psql("select count(*) from dag_run");
    expect(runs.trim()).toBe(String(manifest["rows"]["public.dag_run"]));
    expect(await life.host("stat -c '%a %u' /srv/airflow/backups/*")).toMatch(/^(700 0\n)+$/);
  });

  const dumping = "dump the database and read the dump back in full";
  test.each<[what: string, program: string, cases: string, action: string]>([
    ["a dump that is cut", "docker", `*pg_dump*) /usr/bin/docker "$@" | head -c 20000 ;;`, dumping],
    ["a whole dump whose maker fails", "docker", `*pg_dump*) /usr/bin/docker "$@"; exit 1 ;;`, dumping],
    ["a disk that is full for the DAGs", "tar", `*dags.tar*) ${FULL} ;;`, "put the DAGs beside the dump"],
    ["a disk that is full for the manifest", "python3", `*" manifest "*) ${FULL} ;;`, "write the manifest"],
    ["a disk that is full at last", "mv", `*/srv/airflow/backups/*) ${FULL} ;;`, "put the backup in place"],
  ])("%s leaves nothing behind", async (_what, program, cases, action) => {
    const before = await traces();
    await life.host(standIn(program, cases));
    try {
      const { code, text } = await life.run("backup");
      const error = expect.stringContaining(`error: "${action}" failed on `);
      expect({ code, text }).toMatchObject({ code: 1, text: error });
    } finally {
      await life.host(`rm /usr/local/sbin/${program}`);
    }
    expect(await traces()).toEqual(before);
    expect(existsSync(life.deployment.paths.backups)).toBe(true);
  });
}
