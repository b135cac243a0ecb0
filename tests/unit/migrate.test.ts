import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate, schemaOf } from "../../provision/steps/migrate";
import { stopHungScheduler, stopScheduler } from "../../provision/steps/service-actions";
import { wantedOf } from "../support/wanted";

const wanted = wantedOf();
const SERVICES = ["api-server", "triggerer", "dag-processor", "scheduler"].map((name) => `airflow-${name}-1`);

/** Carries out the migration of a host that ran an older image, with a Docker that only says what it is asked; the migration fails. */
function migrateInVain(revision: string, health = "healthy", broken = "none") {
  const folder = mkdtempSync(join(tmpdir(), "migrate-"));
  const log = join(folder, "log");
  writeFileSync(
    join(folder, "docker"),
    `#!/bin/sh
echo "$*" >> ${log}
case $* in
*State.Running*) echo true ;;
*State.Health*scheduler*) echo ${health} ;;
*State.Health*) echo healthy ;;
"top "*"pid,args") [ -e ${folder}/ended ] || echo "1 airflow worker -- LocalExecutor: 0199"; touch ${folder}/ended ;;
"start ${broken}") exit 1 ;;
*psql*) echo ${revision} ;;
*"run --rm"*) echo "the migration says why" >&2; exit 3 ;;
esac
`,
    { mode: 0o755 },
  );
  const [action] = migrate.plan(wanted, {
    migrated: `localhost/old:1 ${wanted.adminDigest} abc123`,
    revision: "abc123",
    newestBackup: "20260101T000000Z-0a1b2c3d",
  });
  const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
  const { status, stdout } = spawnSync("sh", ["-e", "-c", action!.command.text], { encoding: "utf8", env });
  const calls = readFileSync(log, "utf8").trim().split("\n");
  rmSync(folder, { recursive: true });
  return { status, stdout, started: calls.flatMap((call) => /^start (.*)/.exec(call)?.[1] ?? []), calls };
}

describe("a migration that fails", () => {
  test("starts again what it had stopped, the api-server first, if the schema is still the old one", () => {
    const { status, stdout, started, calls } = migrateInVain("abc123");
    expect(status).toBe(3);
    expect(calls.find((call) => call.includes(" stop "))).toMatch(/stop api-server scheduler dag-processor triggerer$/);
    expect(started).toEqual(SERVICES);
    expect(stdout).toBe("the database's schema has not changed: the old services run again\n");
  });

  test("has stopped a scheduler that hangs within seconds, after its tasks", () => {
    const { calls, started } = migrateInVain("abc123", "unhealthy");
    const asked = calls.filter((call) => /^(top|stop) |( stop )/.test(call));
    expect(asked).toEqual([
      "top airflow-scheduler-1 -eo pid,args",
      "top airflow-scheduler-1 -eo pid,args",
      "stop --time 10 airflow-scheduler-1",
      expect.stringMatching(/^compose .* stop api-server scheduler dag-processor triggerer$/),
    ]);
    expect(started).toEqual(SERVICES);
    expect(migrateInVain("abc123").calls.filter((call) => call.startsWith("stop "))).toEqual([]);
  });

  test("says so if something does not start again", () => {
    const { stdout } = migrateInVain("abc123", "healthy", "airflow-scheduler-1");
    expect(stdout).toBe("the database's schema has not changed, but these do not start again: airflow-scheduler-1\n");
  });

  test("leaves it stopped if the schema has changed, and names the newest backup", () => {
    const { status, stdout, started } = migrateInVain("def456");
    expect(status).toBe(3);
    expect(started).toEqual([]);
    expect(stdout).toMatch(/schema is at def456 now; the old services know only abc123 and stay stopped\n/);
    expect(stdout).toMatch(
      /\nhint: .* the newest backup on the host is \/srv\/airflow\/backups\/20260101T000000Z-0a1b2c3d\n$/,
    );
  });
});

test("Postgres is not recreated under running tasks: only if the migration has stopped them", () => {
  const textOf = (migrated: string): string =>
    migrate.plan(wanted, { migrated, revision: "abc123", newestBackup: undefined })[0]!.command.text;
  const up = /up --detach --wait --wait-timeout 120 ?(\S*) postgres\n/;
  expect(up.exec(textOf(`x:1 ${wanted.adminDigest} abc123 ${schemaOf(wanted)}`))?.[1]).toBe("--no-recreate");
  expect(up.exec(textOf(`${wanted.images.airflow} other abc123 ${schemaOf(wanted)}`))?.[1]).toBe("--no-recreate");
  expect(up.exec(textOf(`x:1 ${wanted.adminDigest} abc123 3.0.0+1.0.0`))?.[1]).toBe("");
});

test.each([
  ["a scheduler that hangs", stopScheduler(true, 60, "").command],
  ["a scheduler that hangs before a migration", stopHungScheduler(60)],
])("%s, and is paused, is let go on before its tasks are waited for", (_what, { text }) => {
  const at = (part: string): number => text.indexOf(part);
  expect(at("docker unpause airflow-scheduler-1")).toBeGreaterThan(0);
  expect(at("docker unpause")).toBeLessThan(at("docker top"));
  expect(at("docker top")).toBeLessThan(at("docker stop --time 10"));
});
