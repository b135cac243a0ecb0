import type { DagRun } from "../../../provision/api/dag-run";
import { path } from "../../../provision/api/airflow-api";
import { join } from "node:path";
import { Life, text } from "../../support/life";

/** A DAG whose second task runs when the test says so; the task's code tells its release. */
const slow = (release: string): string => `
import os, time
from airflow.sdk import dag, task

@dag(schedule=None)
def slow():
    @task
    def wait():
        while not os.path.exists("/opt/airflow/logs/life-go"):
            time.sleep(0.1)

    @task
    def tell() -> str:
        return "release ${release}"

    wait() >> tell()

slow()
`;

const broken = `
from airflow.sdk import dag

@dag(schedule=None)
def broken():
    pass

brokn()
`;

const hello = (what: string): string => `
from airflow.sdk import dag, task

@dag(schedule=None)
def hello():
    @task
    def greet() -> str:
        return "${what}"

    greet()

hello()
`;

const failing = `
from airflow.sdk import dag, task

@dag(schedule=None, params={"coins": 0})
def till():
    @task
    def count(params: dict | None = None):
        if params["coins"] == 0:
            raise ValueError("the till is empty")
        print(f"{params['coins']} coins")

    count()

till()
`;

/** Pushes of DAGs, and runs of them. */
export function dags(life: Life): void {
  test("a push says which DAGs were added, changed and removed", async () => {
    life.dag("hello.py", hello("hello"));
    life.dag("till.py", failing);
    expect((await life.pushDags()).stdout).toMatch(
      /^added: hello, till\nunchanged: \d+\nDAG release [0-9a-f]{16} runs now, after /,
    );
    life.dag("hello.py", hello("good day"));
    life.dag("example_etl.py", undefined);
    life.dag("slow.py", slow("one"));
    life.dag("müll.py", hello("größe").replace("@dag(", '@dag(dag_id="größe", '));
    expect((await life.pushDags()).stdout).toMatch(
      /^added: größe, slow\nchanged: hello\nremoved: example_etl\nunchanged: \d+\n/,
    );
  });

  test("a push whose wait has failed is waited for again by the next one", async () => {
    const before = await life.trace();
    await life.host("basename $(readlink /srv/airflow/dags/current) > /srv/airflow/dags/awaited");
    expect(await life.pushDags()).toMatchObject({ text: expect.stringContaining("waited until Airflow shows") });
    expect(await life.pushDags()).toMatchObject({ stdout: "nothing to do\n" });
    expect((await life.trace()).services).toEqual(before.services);
  });

  test("a DAG that cannot be imported stops the push with file, line and error; the running DAGs stay", async () => {
    const before = await life.trace();
    life.dag("broken.py", broken);
    const { code, text } = await life.pushDags();
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        / failed on \S+:\n {2}broken\.py:8: NameError: name 'brokn' is not defined.*\nhint: /,
      ),
    });
    const after = await life.trace();
    expect({ ...after, newest: "" }).toEqual({ ...before, newest: "" });
    // The first line of a long message names the cause.
    life.dag("broken.py", 'raise ValueError("the cause\\nand what to read")  # airflow, dag');
    expect((await life.pushDags()).text).toMatch(/broken\.py:1: ValueError: the cause and what to read\n/);
    life.dag("broken.py", undefined);
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
  });

  test("a module that the image lacks is told with the package to add; Airflow's own log only if it is asked for", async () => {
    life.dag("broken.py", "# airflow dag\nprint('chatty')\nimport sklearn.svm\n");
    const { code, text } = await life.pushDags();
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /:\n {2}broken\.py:3: ModuleNotFoundError: No module named 'sklearn'\nhint: add scikit-learn .* to airflow\.requirements /,
      ),
    });
    expect((await life.pushDags({ VERBOSE: "1" })).text).toMatch(/ {4}chatty\n[^]*Traceback/);
    life.dag("broken.py", undefined);
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
  });

  test("a push that removes the canary is asked for, and make plan shows what a push would do", async () => {
    const before = await life.trace();
    const canary = text(join(life.dagFolder, "canary.py"));
    life.dag("canary.py", undefined);
    life.dag("ignored/.airflowignore", "*.py\n");
    life.dag("ignored/broken.py", broken);
    expect((await life.run("plan", { DAGS: life.dagFolder })).stdout).toMatch(
      /^dags \(make dags\):\n {2}add ignored\/\.airflowignore, ignored\/broken\.py\n {2}remove canary\.py\n {2}remove the DAGs canary\n$/m,
    );
    const { code, text: said } = await life.pushDags();
    expect({ code, said }).toMatchObject({
      code: 1,
      said: expect.stringMatching(/this push\n {2}removes 1 of \d+ DAGs: canary\nerror: this needs to be confirmed/),
    });
    expect({ ...(await life.trace()), newest: "" }).toEqual({ ...before, newest: "" });
    const CONFIRM = /CONFIRM=(\S+) make dags/.exec(said)![1]!;
    expect((await life.pushDags({ CONFIRM })).stdout).toMatch(/^removed: canary$/m);
    expect(await life.run("trigger", { DAG: "canary", PAUSED: "ok" })).toMatchObject({
      code: 1,
      text: expect.stringMatching(/the DAG canary is not among the deployed DAGs any more\nhint: push it again/),
    });
    life.dag("canary.py", canary);
    expect((await life.pushDags()).stdout).toMatch(/^added: canary$/m);
    for (const name of [".airflowignore", "broken.py"]) life.dag(`ignored/${name}`, undefined);
    expect((await life.pushDags()).code).toBe(0);
  });

  test("a DAG file that ends the process that checks it stops the push", async () => {
    const before = await life.trace();
    life.dag("broken.py", "import os  # airflow parses a file only if it mentions airflow and dag\nos._exit(0)\n");
    const { code, text } = await life.pushDags();
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /a DAG file has ended its process, or needs more memory than the dag-processor may use/,
      ),
    });
    expect({ ...(await life.trace()), newest: "" }).toEqual({ ...before, newest: "" });
    life.dag("broken.py", undefined);
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
  });

  test("a push is checked although the process is gone that waits for checks", async () => {
    const processes = "docker top airflow-dag-processor-1 -eo pid,ppid,args";
    const server = `${processes} | awk '/dag_processor\\.py/ && !/docker-init/ {ppid[$1] = $2} END {for (pid in ppid) if (ppid[pid] in ppid) print pid}'`;
    await life.host(`kill -9 $(${server})`);
    life.dag("broken.py", broken);
    expect((await life.pushDags()).text).toMatch(/ {2}broken\.py:8: NameError: name 'brokn' is not defined/);
    life.dag("broken.py", undefined);
    expect((await life.pushDags()).stdout).toBe("nothing to do\n");
    await life.host(
      `docker restart airflow-dag-processor-1 > /dev/null
until [ "$(docker inspect --format '{{.State.Health.Status}}' airflow-dag-processor-1)" = healthy ]; do sleep 1; done`,
    );
    await life.make("status");
  });

  test("a run that is under way during a push finishes on its own release; the next one uses the new one", async () => {
    await life.host("rm -f /srv/airflow/logs/life-go");
    const first = life.start("trigger", { DAG: "slow", PAUSED: "ok" });
    await first.says(/wait: running/);
    const { dagRelease } = await life.trace();
    life.dag("slow.py", slow("two"));
    expect((await life.pushDags()).stdout).toMatch(/changed: slow/);
    await life.host("touch /srv/airflow/logs/life-go");
    expect(await first.ended).toMatchObject({ code: 0, text: expect.stringMatching(/slow succeeded/) });
    await life.make("trigger", { DAG: "slow" });
    const runs = await life.airflow(async (airflow) => {
      const found = await airflow.list<DagRun>("/dags/slow/dagRuns?order_by=run_after", "dag_runs");
      const said = found.map(({ dag_run_id }) =>
        airflow.get<{ value: unknown }>(
          path`/dags/slow/dagRuns/${dag_run_id}/taskInstances/tell/xcomEntries/return_value`,
        ),
      );
      return Promise.all(found.map(async (run, i) => ({ version: run.bundle_version, said: (await said[i]!).value })));
    });
    const now = (await life.trace()).dagRelease;
    expect(now).not.toBe(dagRelease);
    expect(runs.map(({ version }) => `releases/${version}`)).toEqual([dagRelease, now]);
    expect(runs.map(({ said }) => said)).toEqual(
      ["release one", "release two"].map((text) => expect.stringContaining(text)),
    );
    await life.host("rm /srv/airflow/logs/life-go");
  });

  test("releases that runs have used stay, more than Airflow would keep; its scheduler lives on", async () => {
    for (const what of ["a", "b"]) {
      life.dag("hello.py", hello(what));
      await life.pushDags();
      expect(await life.run("trigger", { DAG: "hello", PAUSED: "ok" })).toMatchObject({ code: 0 });
    }
    const used = (
      await life.host(
        `docker exec airflow-postgres-1 psql -U airflow -d airflow -Atc 'select distinct bundle_version from dag_run'`,
      )
    ).trim();
    const there = await life.host("ls /srv/airflow/dags/releases");
    expect(there.split("\n")).toEqual(expect.arrayContaining(used.split("\n")));
    expect(used.split("\n").length).toBeGreaterThan(3);
    expect(await life.host("docker inspect --format '{{.RestartCount}}' airflow-scheduler-1")).toBe("0\n");
  });

  test.each<{ what: string; variables: Record<string, string>; says: RegExp }>([
    {
      what: "no DAG",
      variables: {},
      says: /error: no DAG was named\nhint: for example: DEPLOYMENT=life make trigger DAG=canary/,
    },
    {
      what: "an unknown DAG",
      variables: { DAG: "cannary" },
      says: /error: there is no DAG cannary\nhint: did you mean canary/,
    },
    { what: "a paused DAG", variables: { DAG: "till" }, says: /error: the DAG till is paused.*\nhint: add PAUSED=ok/ },
    {
      what: "a CONF that is no JSON",
      variables: { DAG: "till", CONF: "{coins: 1}" },
      says: /error: CONF is not JSON: line 1, column 2: unexpected "c"/,
    },
  ])("trigger with $what starts nothing and says why", async ({ variables, says }) => {
    expect(await life.run("trigger", variables)).toMatchObject({ code: 1, text: expect.stringMatching(says) });
  });

  test("a run that fails ends with 1 and shows the last lines of the failing task's log", async () => {
    const { code, text } = await life.run("trigger", { DAG: "till", PAUSED: "ok" });
    expect({ code, text }).toMatchObject({ code: 1, text: expect.stringMatching(/ValueError: the till is empty/) });
    expect(text).toMatch(/last lines of count, try 1:/);
    expect(text).toMatch(/error: the run \S+ of till failed: count/);
  });

  test("CONF reaches the run, also through make with a $ in it", async () => {
    expect(await life.run("trigger", { DAG: "till", CONF: '{"coins": 5}' })).toMatchObject({ code: 0 });
    await life.make("trigger", { DAG: "canary", CONF: '{"note": "$5"}' });
    const runs = await life.airflow((airflow) =>
      airflow.list<DagRun & { conf: object }>("/dags/canary/dagRuns", "dag_runs"),
    );
    expect(runs.map(({ conf }) => conf)).toContainEqual({ note: "$5" });
  });
}
