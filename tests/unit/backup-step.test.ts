import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BACKUPS, backup } from "../../provision/steps/backup";
import { identityFact } from "../../provision/steps/identity";

const identity = { deployment: "local", fernetKey: "f", databasePassword: "d" };
const wanted = (keep: number) => ({
  identity,
  encryptedSecrets: Buffer.from(""),
  keep,
  scripts: { "helper.py": "", "rows.awk": "" },
});
const facts = { identity, isPostgresUp: true, isOpen: true };
const said = (stdout: string) => identityFact.parse({ code: 0, stdout, stderr: "" });

test.each([
  ["", /there is no Airflow on this host/],
  ['{"deploy', /identity\.json on the host is damaged: it says whose data this is/],
  [JSON.stringify({ ...identity, fernetKey: "other" }), /the secrets here are not those of the database/],
])("a host whose data is told as %j is not backed up", (stdout, problem) =>
  expect(() => backup.plan(wanted(7), { ...facts, identity: said(stdout) })).toThrow(problem),
);

test("old backups go, but neither the one that was just made nor what is none", () => {
  const folder = mkdtempSync(join(tmpdir(), "backups-"));
  const named = (day: number) => `202601${String(day).padStart(2, "0")}T000000Z-0a1b2c3d`;
  // Of a second operator, whose clock is ahead.
  const names = [1, 2, 3, 9].map(named);
  for (const name of [...names, "before upgrade", "zz"]) mkdirSync(join(folder, name));
  const prune = backup.plan(wanted(2), { ...facts, identity: said(JSON.stringify(identity)) }).at(-1)!;
  const run = (CHANGE: string): string[] => {
    const script = prune.command.text.replaceAll(BACKUPS, folder);
    const { status } = spawnSync("sh", ["-e", "-c", script], { env: { ...process.env, CHANGE } });
    expect(status).toBe(0);
    return readdirSync(folder).sort();
  };
  expect(run(named(2))).toEqual([named(2), named(3), named(9), "before upgrade", "zz"]);
  expect(run(named(9))).toEqual([named(3), named(9), "before upgrade", "zz"]);
  rmSync(folder, { recursive: true });
});
