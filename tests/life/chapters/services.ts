import { DagRun, TaskInstance, findDag, readRun, startRun } from "../../../provision/api/dag-run";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../../provision/deployment/paths";
import { Life, pipe, text, touched } from "../../support/life";

/** Short tasks, each of which asks the api-server for a variable, and a long one that asks each second. None has a retry. */
const traffic = `
import time
from airflow.sdk import Variable, dag, task

@dag(schedule=None, max_active_tasks=5, default_args={"retries": 0})
def traffic():
    @task
    def short(number: int):
        Variable.get("life")
        time.sleep(1)

    @task
    def long():
        for _ in range(50):
            Variable.get("life")
            time.sleep(1)

    long()
    short.expand(number=list(range(200)))

traffic()
`;

const plugin = `
from airflow.plugins_manager import AirflowPlugin

WORDS = "as the plugin says"

class Plugin(AirflowPlugin):
    name = "life_plugin"
`;

/** A DataFrame goes from one task to another. */
const frames = `
from airflow.sdk import dag, task
from life_plugin import WORDS

@dag(schedule=None, default_args={"retries": 0})
def frames():
    @task
    def make():
        import pandas
        return pandas.DataFrame({"n": [1, 2, 3]})

    @task
    def add(frame):
        print(f"sum: {frame['n'].sum()}, {WORDS}")

    add(make())

frames()
`;

/** A task that ends when the test says so, and asks the api-server for nothing meanwhile. */
const patient = `
import os, time
from airflow.sdk import dag, task

@dag(schedule=None, default_args={"retries": 0})
def patient():
    @task
    def wait():
        while not os.path.exists("/opt/airflow/logs/life-go"):
            time.sleep(0.1)

    wait()

patient()
`;

const GO = "/srv/airflow/logs/life-go";
const SCHEDULER = "airflow-scheduler-1";
/** The scheduler itself; its workers and tasks have other names. */
const schedulerPid = `$(docker top ${SCHEDULER} -eo pid,args | awk '/bin\\/scheduler\\.py/ && !/docker-init/ {print $1; exit}')`;

/** Services that are recreated, stopped or stuck while tasks run. */
export function services(life: Life): void {
  const start = async (id: string): Promise<DagRun> => {
    const run = await life.airflow(async (airflow) => startRun(airflow, await findDag(airflow, id), {}, true));
    await life.host(
      `until [ "$(docker exec airflow-postgres-1 psql -U airflow -d airflow -Atc "select count(*) from task_instance where run_id = '${run.dag_run_id}' and state = 'running'")" -gt 0 ]; do sleep 0.2; done`,
    );
    return run;
  };
  /** How a run and its tasks ended, once it has ended. */
  const end = async (run: DagRun): Promise<{ state: string; tasks: readonly TaskInstance[] }> => {
    await life.host(
      `until docker exec airflow-postgres-1 psql -U airflow -d airflow -Atc "select state from dag_run where run_id = '${run.dag_run_id}'" | grep -q success\\\\\\|failed; do sleep 0.5; done`,
    );
    const { run: ended, tasks } = await life.airflow((airflow) => readRun(airflow, run));
    return { state: ended.state, tasks };
  };

  test("no task fails while all services of Airflow are recreated; make plan names the tasks that it waits for", async () => {
    life.dag("traffic.py", traffic);
    life.dag("patient.py", patient);
    await life.pushDags();
    await life.airflow((airflow) => airflow.post("/variables", { key: "life", value: "x" }));
    const before = await life.trace();
    const run = await start("traffic");
    life.set({ memoryMiB: { scheduler: 4096, "api-server": 1100, "dag-processor": 800, triggerer: 800 } });
    expect((await life.run("plan")).text).toMatch(/scheduler: waits for the tasks that run, now .*traffic\.long/);
    // Docker remembers 256 events, and health checks make many.
    await life.host(
      `setsid docker events --filter event=create --format '{{.Actor.Attributes.name}}' < /dev/null > /run/life-made 2> /dev/null & echo $! > /run/life-made.pid`,
    );
    const { text } = await life.make("provision");
    expect(text).toMatch(/started the new api-server beside the old one/);
    const { state, tasks } = await end(run);
    expect(touched(before, await life.trace())).toEqual(["api-server", "dag-processor", "scheduler", "triggerer"]);
    const made = await life.host("kill $(cat /run/life-made.pid); cat /run/life-made");
    expect(made.match(/airflow-(?!api-next)\S+(?=-1$)/gm)?.sort()).toEqual(
      ["api-server", "dag-processor", "scheduler", "triggerer"].map((service) => `airflow-${service}`),
    );
    expect(await life.host("docker ps --all --quiet --filter name=airflow-api-next")).toBe("");
    expect(tasks.filter((task) => task.state !== "success" || task.try_number !== 1)).toEqual([]);
    expect({ state, count: tasks.length }).toEqual({ state: "success", count: 201 });
  });

  test("a task goes on while the packages of the README's example and a plugin are added to the image; then a task hands over a DataFrame, and uses the plugin", async () => {
    await life.host(`rm -f ${GO}`);
    const run = await start("patient");
    const [, example] = /^```yaml\n([^]*?)^```/m.exec(text(join(ROOT, "README.md")))!;
    const { requirements } = (parse(example!) as { airflow: { requirements: string[] } }).airflow;
    life.set({ requirements, plugins: life.folder("plugins", { "life_plugin.py": plugin }) });
    expect((await life.run("plan")).text).toMatch(/check the database with the new image/);
    const provision = life.start("provision");
    await provision.says(/checked the database with the new image/);
    await provision.says(/started the new api-server beside the old one/);
    await life.host(`touch ${GO}`);
    expect((await provision.ended).code).toBe(0);
    const { state, tasks } = await end(run);
    expect([state, tasks.map(({ try_number }) => try_number)]).toEqual(["success", [1]]);
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
    life.dag("frames.py", frames);
    expect(await life.pushDags()).toMatchObject({ code: 0 });
    expect(await life.run("trigger", { DAG: "frames", PAUSED: "ok" })).toMatchObject({ code: 0 });
    expect((await life.run("logs", { DAG: "frames", TASK: "add" })).stdout).toContain("sum: 6, as the plugin says");
    expect((await life.run("airflow", { CMD: "plugins" })).stdout).toContain("life_plugin");
    life.dag("frames.py", undefined);
    expect(await life.pushDags()).toMatchObject({ code: 0 });
  });

  test("a scheduler that is asked to stop again while it waits for its tasks goes on waiting", async () => {
    await life.host(`rm -f ${GO}`);
    const run = await start("patient");
    await life.host(
      `docker stop --time 120 ${SCHEDULER} > /dev/null & sleep 5; docker kill --signal TERM ${SCHEDULER} > /dev/null; sleep 6; touch ${GO}; wait`,
    );
    await life.make("provision");
    const { state, tasks } = await end(run);
    expect([state, tasks.map(({ try_number }) => try_number)]).toEqual(["success", [1]]);
  });

  test("a task outlives an api-server that was killed and a scheduler that hangs; status names both, provision mends both", async () => {
    await life.host(`rm -f ${GO}`);
    const run = await start("patient");
    await life.host(`docker kill airflow-api-server-1; kill -STOP ${schedulerPid}`);
    // Longer than the 46 s after which Airflow's own settings have killed the task.
    await life.host(
      `until [ "$(docker inspect --format '{{.State.Health.Status}}' ${SCHEDULER})" = unhealthy ]; do sleep 1; done; sleep 10`,
    );
    const { code, text } = await life.run("status");
    expect({ code, text }).toMatchObject({
      code: 1,
      text: expect.stringMatching(/api-server has exited, scheduler is unhealthy/),
    });
    const provision = life.start("provision");
    await provision.says(/started api-server/);
    // A scheduler that hangs gets 10 s to stop; its tasks get more.
    await life.host(`sleep 15; touch ${GO}`);
    const { code: ended, text: said } = await provision.ended;
    expect({ code: ended, said }).toMatchObject({ code: 0, said: expect.stringMatching(/stopped scheduler/) });
    const { state, tasks } = await end(run);
    expect([state, tasks.map(({ try_number }) => try_number)]).toEqual(["success", [1]]);
    await life.make("status");
  });

  test("after a power cut while a service was recreated, the first provision heals", async () => {
    await life.host(`rm -f ${GO}`);
    await start("patient");
    life.set({ parallelism: 5 });
    const provision = life.start("provision");
    // Compose has made the new scheduler under another name, and waits for the old one, which waits for its task.
    await life.host(`until docker ps --all --format '{{.Names}}' | grep -q _${SCHEDULER}; do sleep 0.2; done`);
    await pipe("docker", ["kill", life.hostName]);
    await provision.says(/lost the connection to .*: the change goes on there if the host is up; connecting again/);
    provision.signal("SIGKILL");
    await life.make("infrastructure");
    const healed = await life.run("provision");
    expect(healed).toMatchObject({ code: 0, text: expect.stringMatching(/removed half-made containers/) });
    await life.host(`touch ${GO}`);
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
  });

  test("a migration that fails starts again what it had stopped, if the schema is still the old one", async () => {
    // The marker names another image, as after an upgrade; and the image that should migrate has no Python of Airflow's.
    await life.host(`cp /srv/airflow/migrated /root/migrated
read -r image admin revision schema < /srv/airflow/migrated
docker tag "$image" localhost/life:kept
docker tag "$(docker inspect --format '{{.Image}}' airflow-postgres-1)" "$image"
echo "localhost/old:1 $admin $revision 3.0.0+1.0.0" > /srv/airflow/migrated`);
    try {
      const { code, text } = await life.run("provision");
      expect({ code, text }).toMatchObject({ code: 1, text: expect.stringMatching(/"migrate the database" failed/) });
      expect(text).toMatch(/the database's schema has not changed: the old services run again/);
      await life.host(
        `until docker ps --format '{{.Names}} {{.Status}}' | grep -c '(healthy)' | grep -qx 5; do sleep 1; done`,
      );
    } finally {
      await life.host(`read -r image rest < /root/migrated
docker tag localhost/life:kept "$image"; docker rmi localhost/life:kept; mv /root/migrated /srv/airflow/migrated`);
    }
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
    await life.make("status");
  });

  test("what a service puts into memory as files has a limit", async () => {
    const script = `docker exec airflow-triggerer-1 sh -c 'head -c 300M /dev/zero > /tmp/flood; code=$?; rm /tmp/flood; exit $code' 2>&1`;
    expect(await life.host(`${script} && echo written || true`)).toMatch(/No space left on device/);
  });
}
