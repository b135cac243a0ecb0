import type { Life } from "../../support/life";

const counting = `
import os, time
from airflow.sdk import dag, task

@dag(schedule=None)
def counting():
    @task
    def count():
        print("first")
        while not os.path.exists("/opt/airflow/logs/life-go"):
            time.sleep(0.1)
        print("last")

    count()

counting()
`;

/** Airflow's command line, and logs in the terminal. */
export function commands(life: Life): void {
  const processes = async (): Promise<string> => life.host("docker top airflow-dag-processor-1 -eo pid,args");

  test("a connection comes in by standard input, and its password is neither in the host's journal nor in Airflow's audit log", async () => {
    const connection = JSON.stringify({ conn_type: "http", host: "example.org", password: "kept-in-here" });
    const CMD = "connections add web --conn-json @-";
    expect(await life.run("airflow", { CMD }, connection)).toMatchObject({ code: 0 });
    const { stdout } = await life.run("airflow", { CMD: "connections get web -o json" });
    expect(stdout).toContain("kept-in-here");
    life.transcript = life.transcript.replaceAll("kept-in-here", "");
    const audit = "docker exec airflow-postgres-1 psql -U airflow -d airflow -Atc 'select extra from log'";
    expect(await life.host(`(journalctl --no-pager; ${audit}) | grep -cF kept-in-here || true`)).toBe("0\n");
    expect(await life.run("airflow", { CMD: "connections delete web" })).toMatchObject({ code: 0 });
  });

  test.each([
    ["in the dag-processor's container", "docker start airflow-dag-processor-1"],
    ["in one of its own if that is down", "docker stop airflow-dag-processor-1"],
  ])("a command runs %s, and Ctrl-C ends it there", async (_where, prepare) => {
    await life.host(prepare);
    try {
      expect((await life.run("airflow", { CMD: "version" })).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      const command = life.start("airflow", { CMD: "triggerer --skip-serve-logs" });
      await command.says(/Starting the triggerer/);
      command.signal("SIGINT");
      expect(await command.ended).toMatchObject({ code: 130, text: expect.stringContaining("the command is stopped") });
      expect(await life.host("docker ps --all --format '{{.Names}}'")).not.toContain("airflow-command");
    } finally {
      await life.host("docker start airflow-dag-processor-1");
    }
    expect(await processes()).not.toContain("airflow-command");
  });

  test("a command that fails ends with 1 and says with which code", async () =>
    expect(await life.run("airflow", { CMD: "dags lst" })).toMatchObject({
      code: 1,
      text: expect.stringContaining("error: airflow dags ended with exit code 2"),
    }));

  test("the logs of all services are in the order of time, without a line for each look at the DAGs' folder", async () => {
    const { stdout } = await life.run("logs", { LINES: "200" });
    const lines = stdout.split("\n").filter((line) => /^\d{4}-\d\d-\d\d /.test(line));
    const times = lines.map((line) => line.slice(0, 19));
    expect(times).toEqual([...times].sort());
    expect(new Set(lines.map((line) => line.slice(20, 33).trim())).size).toBeGreaterThan(2);
    expect(stdout.split("\n").length).toBeLessThanOrEqual(201);
    expect(await life.host("docker logs airflow-dag-processor-1 2>&1 | grep -c 'Refreshing bundle' || true")).toBe(
      "0\n",
    );
  });

  test("a task's log is followed to its end, and shown again by the command that a failed run names", async () => {
    await life.host("rm -f /srv/airflow/logs/life-go");
    life.dag("counting.py", counting);
    expect(await life.pushDags()).toMatchObject({ code: 0 });
    const run = life.start("trigger", { DAG: "counting", PAUSED: "ok" });
    await run.says(/count: running/);
    const log = life.start("logs", { DAG: "counting", TASK: "count" });
    await log.says(/first/);
    await life.host("touch /srv/airflow/logs/life-go");
    expect(await log.ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^— count, try 1: running\n.*first\n.*last\n/s),
    });
    expect(await run.ended).toMatchObject({ code: 0 });
    const failed = await life.run("trigger", { DAG: "till", PAUSED: "ok" });
    const [, parameters] = /see the whole log: DEPLOYMENT=life make logs (.*)\n/.exec(failed.text)!;
    const pairs = parameters!.split(" ").map((pair) => pair.split(/=(.*)/).slice(0, 2) as [string, string]);
    expect((await life.run("logs", Object.fromEntries(pairs))).stdout).toMatch(
      /^— count, try 1: failed\n.*the till is empty/s,
    );
  });

  test.each([
    [{ DAG: "till", TASK: "cuont" }, /error: the run \S+ of till has no task cuont\nhint: did you mean count\?/],
    [{ DAG: "till", RUN: "x" }, /error: the DAG till has no run x\nhint: its newest runs are manual__/],
    [{ DAG: "till", TRY: "7" }, /error: TRY=7: count has been tried once in this run/],
    [{ DAG: "tilll" }, /error: there is no DAG tilll\nhint: did you mean till/],
  ])("make logs %j says what there is", async (variables, says) =>
    expect(await life.run("logs", variables)).toMatchObject({ code: 1, text: expect.stringMatching(says) }),
  );
}
