import { DagRun } from "../../../provision/api/dag-run";
import { ROOT } from "../../../provision/deployment/paths";
import { Life, pipe } from "../../support/life";

const gitStatus = async (): Promise<string> => (await pipe("git", ["-C", ROOT, "status", "--porcelain"])).stdout;

/** From nothing to a running Airflow. */
export function demo(life: Life): void {
  test("make demo goes from nothing to an Airflow whose canary has sung, and leaves the checkout as it was", async () => {
    const before = await gitStatus();
    const { text } = await life.make("demo");
    expect(text).toMatch(/canary succeeded/);
    expect(text).toMatch(/Airflow runs on a host of its own, in .*\.\nWhat to try next:/);
    for (const verb of ["ui", "password", "dags", "plan", "status", "backup", "teardown"])
      expect(text).toMatch(new RegExp(`^ {2}DEPLOYMENT=life make ${verb} `, "m"));
    expect(await gitStatus()).toBe(before);
    const runs = await life.airflow((airflow) => airflow.list<DagRun>("/dags/canary/dagRuns", "dag_runs"));
    expect(runs.length).toBeGreaterThan(0);
    expect(runs.map(({ state }) => state)).toEqual(runs.map(() => "success"));
  });

  test("a second make demo changes nothing on the host", async () => {
    const before = await life.trace();
    const { text } = await life.make("demo");
    expect(text).toMatch(/canary succeeded/);
    expect(await life.trace()).toEqual(before);
  });

  test.each(["infrastructure", "provision"])(
    "a second make %s finds nothing to do and runs no change",
    async (verb) => {
      const before = await life.trace();
      const { stdout } = await life.make(verb);
      expect(stdout).toBe("nothing to do\n");
      expect(await life.trace()).toEqual(before);
    },
  );

  test("DAGs that are already there are not sent again", async () => {
    const before = await life.trace();
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
    expect(await life.trace()).toEqual(before);
  });

  test("make plan says that there is nothing to do, on both halves", async () => {
    const { stdout } = await life.make("plan");
    expect(stdout).toBe("infrastructure: nothing to do\nhost: nothing to do\ndags: nothing to do\n");
  });

  test("make status calls a finished deployment healthy", async () => {
    await life.make("status");
  });
}
