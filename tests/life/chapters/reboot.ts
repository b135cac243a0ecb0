import type { DagRun } from "../../../provision/api/dag-run";
import { Life, Trace, pipe } from "../../support/life";

const UNIT = "/etc/systemd/system/life-lost-volume.service";

/** What a host is after a boot, with its data and without. */
export function reboot(life: Life): void {
  let before: Trace;
  test("a host that boots without its data volume starts nothing, and every verb says so", async () => {
    before = await life.trace();
    await life.host(`cat > ${UNIT} <<'END'
[Unit]
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/usr/bin/umount /srv/airflow
[Install]
WantedBy=sysinit.target
END
systemctl --quiet enable life-lost-volume.service`);
    await pipe("docker", ["restart", life.hostName]);
    await life.make("infrastructure");
    expect(await life.host("mountpoint -q /srv/airflow && echo there || ls -A /srv/airflow")).toBe("");
    expect(await life.host("systemctl is-active docker.service docker.socket || true")).not.toMatch(/^active\n/);
    const status = await life.run("status");
    expect(status).toMatchObject({ code: 1, text: expect.stringMatching(/data volume is not mounted/) });
    for (const verb of ["provision", "plan", "dags", "backup"])
      expect(await life.run(verb)).toMatchObject({ code: 1, text: expect.stringMatching(/^error: /m) });
    expect((await life.run("provision")).text).toMatch(/the data volume is not mounted at \/srv\/airflow/);
    expect(await life.host("ls -A /srv/airflow; pgrep -f 'airflow|postgres' || true")).toBe("");
    await life.host(`systemctl --quiet disable life-lost-volume.service; rm ${UNIT}`);
  });

  test("make reboot waits until everything is back by itself, with its history; provisioning finds nothing to do", async () => {
    const { stdout } = await life.make("reboot");
    expect(stdout).toMatch(/ is back and Airflow is healthy, after /);
    const after = await life.trace();
    expect(after).toMatchObject({ release: before.release, dagRelease: before.dagRelease });
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
    await life.make("trigger", { DAG: "canary" });
    const runs = await life.airflow((airflow) => airflow.list<DagRun>("/dags/canary/dagRuns", "dag_runs"));
    expect(runs.length).toBeGreaterThan(2);
  });

  test("a new host with the old data is the same Airflow: its runs, its DAGs, its login", async () => {
    const runsOf = (dag: string): Promise<string[]> =>
      life.airflow(async (airflow) =>
        (await airflow.list<DagRun>(`/dags/${dag}/dagRuns`, "dag_runs")).map(
          ({ dag_run_id, state, bundle_version }) => `${dag_run_id} ${state} ${bundle_version}`,
        ),
      );
    const before = {
      canary: await runsOf("canary"),
      slow: await runsOf("slow"),
      dags: (await life.trace()).dagRelease,
    };
    const gone = await life.make("teardown", { KEEP_DATA: "1", CONFIRM: life.name });
    expect(gone.text).toMatch(/the data volume, keys, secrets and backups stay/);
    expect(await life.run("provision")).toMatchObject({
      code: 1,
      text: expect.stringMatching(/hint: run DEPLOYMENT=life make infrastructure/),
    });
    await life.make("infrastructure");
    await life.make("provision");
    expect({
      canary: await runsOf("canary"),
      slow: await runsOf("slow"),
      dags: (await life.trace()).dagRelease,
    }).toEqual(before);
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
    await life.make("trigger", { DAG: "canary" });
  });
}
