import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Life, pipe } from "../../support/life";

/** Backups are proven readable before they have a name. */
export function backup(life: Life): void {
  test("make backup pulls a verified backup: the database, the DAGs, the encrypted secrets and a manifest", async () => {
    const { text, stdout } = await life.make("backup");
    expect(text).toMatch(/read the dump back in full/);
    const folder = /^backup (\S+) \(.*\), verified, in /.exec(stdout)![1]!;
    expect(readdirSync(folder).sort()).toEqual([
      "SHA256SUMS",
      "dags.tar",
      "database.dump",
      "manifest.json",
      "secrets.age",
    ]);
    expect(readFileSync(join(folder, "secrets.age"))).toEqual(readFileSync(life.deployment.paths.secrets));
    const sums = await pipe("sh", ["-c", 'cd "$1" && sha256sum --check --strict SHA256SUMS', "sh", folder]);
    expect(sums.code).toBe(0);
    const { dagRelease } = await life.trace();
    const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as Record<string, any>;
    expect(manifest).toMatchObject({
      identity: { deployment: "life" },
      airflow: expect.stringMatching(/^3\.3\.\d+$/),
      postgres: expect.stringMatching(/^17\.\d+/),
      dagRelease: dagRelease.replace("releases/", ""),
    });
    expect(manifest["rows"]["public.dag_run"]).toBeGreaterThan(0);
  });

  test("a dump that was cut on its way is noticed: no backup gets a name", async () => {
    const { paths } = life.deployment;
    const before = [readdirSync(paths.backups), await life.host("ls -A /srv/airflow/backups")];
    // Stands before docker in the PATH of changes, and loses the end of what pg_dump says.
    await life.host(`cat > /usr/local/sbin/docker <<'END'
#!/bin/sh
case $* in *pg_dump*) /usr/bin/docker "$@" | head -c 20000 ;; *) exec /usr/bin/docker "$@" ;; esac
END
chmod 755 /usr/local/sbin/docker`);
    try {
      const { code, text } = await life.run("backup");
      expect({ code, text }).toMatchObject({
        code: 1,
        text: expect.stringMatching(/error: "read the dump back in full" failed/),
      });
    } finally {
      await life.host("rm /usr/local/sbin/docker");
    }
    expect([readdirSync(paths.backups), await life.host("ls -A /srv/airflow/backups")]).toEqual(before);
    expect(existsSync(paths.backups)).toBe(true);
  });
}
