/**
 * `make bench`: how fast and how large, beside the floor measured in the same run; medians. RUNS=1 for a quick look.
 * Makes a local host of its own and removes it. Takes about 27 minutes with the default of 3 runs.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { compileChange, newChangeId } from "../provision/change/compile";
import { loadDeployment } from "../provision/deployment/deployment";
import { runAsRoot } from "../provision/change/root";
import type { Host } from "../provision/link/host";
import { planHost } from "../provision/change/change-host";
import { mainHost, onMainHost } from "../provision/link/main-host";
import { ROOT } from "../provision/deployment/paths";
import { prepare } from "../provision/release/make-wanted";
import { archive } from "../provision/change/start";
import { draftSecrets } from "../provision/deployment/secrets-file";
import { Command, sh } from "../provision/base/shell";
import { sshArguments } from "../provision/link/ssh-arguments";
import { steps } from "../provision/steps";
import { ACCOUNT, ADA, REGION } from "./support/aws";
import { awsEnvironmentOf, identity, offered, startAwsStub } from "./support/aws-stub";
import { shortTasks } from "./support/short-tasks";
import { startFakeProvider } from "./support/fake-provider/server";
import { context } from "./support/context";

/** As the Makefile starts them. */
const RUNS = Number(process.env["RUNS"] || 3);
const work = mkdtempSync(join(tmpdir(), "airflow-bench-"));
Object.assign(process.env, { DEPLOYMENT: "local", AIRFLOW_STATE: join(work, "state"), CONFIRM: "local" });
const deployment = loadDeployment("local");

interface Row {
  readonly work: string;
  readonly floor: string;
  readonly ours: string;
  readonly goal: string;
}
const rows: Row[] = [];

/** A row is said at once, too: a run that fails later has measured it all the same. */
function add(row: Row): void {
  rows.push(row);
  console.error(`${row.work}: ${row.ours} (floor ${row.floor}, goal ${row.goal})`);
}

async function main(): Promise<void> {
  try {
    await cloud();
    verb("keypair");
    const [first, floor] = await firstProvision();
    add({
      work: `first make provision on a bare host`,
      floor: seconds(floor),
      ours: `${seconds(first)} (${(first / floor).toFixed(2)} ×)`,
      goal: "1.1 ×",
    });
    await settled();
    await backups();
    await dagPush();
    await taskSpeed();
    await demo(floor);
  } finally {
    spawnSync(process.execPath, ["run", "teardown"], { cwd: ROOT, stdio: "ignore" });
    rmSync(work, { recursive: true, force: true });
  }
  console.table(rows);
}

/** A deployment on AWS, where stand-ins answer for it at once: what is left is Terraform's time and ours. */
async function cloud(): Promise<void> {
  const provider = await startFakeProvider();
  const aws = await startAwsStub();
  aws.answer = (action) => (action === "GetCallerIdentity" ? identity(ACCOUNT) : offered(`${REGION}a`));
  const folder = join(work, "cloud");
  mkdirSync(folder);
  const operators = [{ ...ADA, cidrs: ["203.0.113.7/32"] }];
  const file = { infrastructure: "aws", operators, aws: { account: ACCOUNT, region: REGION } };
  writeFileSync(join(folder, "cloud.yaml"), JSON.stringify(file));
  const env = {
    ...process.env,
    ...provider.env,
    ...awsEnvironmentOf(aws.url),
    DEPLOYMENT: "cloud",
    AIRFLOW_DEPLOYMENTS: folder,
    AIRFLOW_STATE: join(folder, "state"),
    HOME: folder,
  };
  try {
    const plan = await repeatAsync(() => run(process.execPath, ["run", "plan"], env));
    const bare = await repeatAsync(() => run(process.execPath, ["--import", "tsx", "--eval", ""], env));
    const synth = await repeatAsync(() => run(process.execPath, ["--import", "tsx", "infra/main.ts"], env));
    const terraform = (stack: string) => () =>
      run("terraform", [`-chdir=${join(folder, "state/cloud/cdktf.out/stacks", stack)}`, "plan", "-lock=false"], {
        ...env,
        TF_DATA_DIR: join(folder, "state/cloud/terraform", stack),
        ...(stack === "host" && {
          TF_VAR_volume_id: "vol-1",
          TF_VAR_address_id: "eipalloc-1",
          TF_VAR_address_ip: "192.0.2.1",
          TF_VAR_key_arn: "arn:aws:kms:eu-central-1:123456789012:key/1",
          TF_VAR_backup_bucket: "b",
        }),
      });
    const floor = (await repeatAsync(terraform("data"))) + (await repeatAsync(terraform("host")));
    add({
      work: "AWS: synth of both stacks",
      floor: `${seconds(bare)} (node with tsx)`,
      ours: seconds(synth),
      goal: "1 s",
    });
    add({
      work: "AWS: make plan, nothing made yet",
      floor: `${seconds(floor)} (terraform alone)`,
      ours: seconds(plan),
      goal: "4 s",
    });
  } finally {
    provider.stop();
    await aws.stop();
  }
}

/** Runs a program while this process goes on answering it; returns its seconds. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return timed(async () => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (text: Buffer) => (said += text.toString()));
    const code = await new Promise((done) => child.on("close", done));
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${said}`);
  });
}

/** Alternating: the same commands in one shell script over one connection, and ours. */
async function firstProvision(): Promise<[number, number]> {
  const ours: number[] = [];
  const floors: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    verb("infrastructure");
    floors.push(await timed(provisionByHand));
    verb("teardown");
    verb("infrastructure");
    ours.push(verb("provision"));
    if (i < RUNS - 1) verb("teardown");
  }
  return [median(ours), median(floors)];
}

async function provisionByHand(): Promise<void> {
  const { secrets } = await draftSecrets(deployment);
  await onMainHost(deployment, async (host) => {
    const { plan } = await planHost(context, host, steps, prepare(deployment, secrets, mainHost(deployment)));
    const { about, files } = compileChange(
      plan,
      [],
      { verb: "bench", operator: "bench" },
      newChangeId(new Date()),
      new Date(),
    );
    const script =
      new Command(`set -e; umask 022; export CHANGE=$1; mkdir -p /run/airflow-change/$1; tar -x -p -C / -f -
for action in /run/airflow-change/$1/actions/*.sh; do
  input=/run/airflow-change/$1/inputs/$(basename "$action" .sh); [ -e "$input" ] || input=/dev/null
  sh -e "$action" < "$input"
done`);
    const { code, stderr } = await runAsRoot(host, script, [about.id], { stdin: archive(files) });
    if (code !== 0) throw new Error(`by hand: ${stderr}`);
  });
}

async function settled(): Promise<void> {
  verb("dags");
  const script = await factScript();
  const floor = repeat(() => ssh("sudo -n sh", script));
  const times = [repeat(() => verb("provision"), 10), repeat(() => verb("dags")), repeat(() => verb("plan"))];
  add({ work: "no-op make provision", floor: seconds(floor), ours: seconds(times[0]!), goal: "0.5 s" });
  add({ work: "no-op make dags", floor: "–", ours: seconds(times[1]!), goal: "1.2 s" });
  add({ work: "make plan, nothing to do", floor: "–", ours: seconds(times[2]!), goal: "3 s" });

  const edited = join(work, "edited");
  cpSync(join(ROOT, "dags"), edited, { recursive: true });
  const edit = (): number => {
    appendFileSync(join(edited, "canary.py"), "# edited\n");
    return verb("dags", { DAGS: edited });
  };
  add({ work: "one DAG: edit to listed in Airflow", floor: "–", ours: seconds(repeat(edit)), goal: "3 s" });

  verb("test");
  for (let i = 0; i < 10; i++) verb("trigger", { DAG: "canary", PAUSED: "ok" });
  await onMainHost(deployment, async (host) => {
    const query =
      "select extract(epoch from end_date - queued_at) from dag_run where dag_id = 'canary' order by queued_at desc limit 10";
    const { stdout } = await runAsRoot(
      host,
      sh`docker exec airflow-postgres-1 psql -U airflow -d airflow -Atc ${query}`,
    );
    add({
      work: "one-task DAG, trigger to success",
      floor: "–",
      ours: seconds(median(stdout.trim().split("\n").map(Number))),
      goal: "0.6 s",
    });
    await sleep(120_000);
    add({
      work: "CPU of the idle stack",
      floor: "–",
      ours: `${(await idleCpu(host)).toFixed(1)} % of a core`,
      goal: "8 %",
    });
    add({
      work: "memory of the idle stack (PSS)",
      floor: "–",
      ours: `${Math.round((await idleMemory(host)) / 1024)} MiB`,
      goal: "1024 MiB",
    });
  });
}

/** What a no-op provision reads, as one script. */
async function factScript(): Promise<string> {
  const { secrets } = await draftSecrets(deployment);
  const wanted = prepare(deployment, secrets, mainHost(deployment));
  const commands = steps.flatMap((step) => Object.values(step.facts(wanted) as object) as { command: Command }[]);
  return commands.map(({ command }) => `(\n${command.text}\n) < /dev/null 2>/dev/null &\n`).join("") + "wait\n";
}

/** KiB, of every process of every container. */
async function idleMemory(host: Host): Promise<number> {
  const { stdout } = await runAsRoot(
    host,
    new Command(
      `for c in $(docker ps -q); do docker top "$c" -o pid | tail -n +2; done | while read -r pid; do awk '/^Pss:/ {print $2}' "/proc/$pid/smaps_rollup"; done | awk '{sum += $1} END {print sum}'`,
    ),
  );
  return Number(stdout);
}

/** Percent of a core, of all containers, in a minute. */
async function idleCpu(host: Host): Promise<number> {
  const used = async (): Promise<number> => {
    const { stdout } = await runAsRoot(
      host,
      new Command(
        `for id in $(docker ps -q --no-trunc); do awk '/usage_usec/ {print $2}' "$(find /sys/fs/cgroup -type d -name "*$id*" | head -n 1)/cpu.stat"; done | awk '{sum += $1} END {print sum / 1e6}'`,
      ),
    );
    return Number(stdout);
  };
  const before = await used();
  await sleep(60_000);
  return ((await used()) - before) / 0.6;
}

/** Of a database of 670 MB, where the dump takes most of the time. */
async function backups(): Promise<void> {
  const psql = (sql: string) =>
    onMainHost(deployment, async (host) => {
      const { code, stderr } = await runAsRoot(
        host,
        sh`docker exec airflow-postgres-1 psql -U airflow -d airflow -c ${sql}`,
      );
      if (code !== 0) throw new Error(stderr);
    });
  await psql(`create table public.bench as select i, now() + i * interval '1 s' as at, md5(i::text) as a,
    md5((i * 7)::text) || ' task_instance state=success try_number=1' as b, 'manual__2026-01-01T00:00:00+00:00' as run_id
    from generate_series(1, 3300000) i`);
  const [floors, ours]: [number[], number[]] = [[], []];
  for (let i = 0; i < 3; i++) {
    floors.push(ssh("sudo -n docker exec airflow-postgres-1 pg_dump -U airflow --format=custom airflow", ""));
    ours.push(verb("backup"));
  }
  await psql("drop table public.bench");
  const [floor, time] = [median(floors), median(ours)];
  const ratio = `${seconds(time)} (${(time / floor).toFixed(2)} ×)`;
  add({ work: "make backup, 670 MB", floor: `${seconds(floor)} (pg_dump through ssh)`, ours: ratio, goal: "1.4 ×" });
}

async function dagPush(): Promise<void> {
  const folder = join(work, "dags");
  cpSync(join(ROOT, "dags"), folder, { recursive: true });
  for (let i = 0; i < 1000; i++) writeFileSync(join(folder, `dag_${i}.py`), DAG.replaceAll("ID", `bench_${i}`));
  const tar = spawnSync("tar", ["-C", folder, "-cf", "-", "."], { maxBuffer: 2 ** 28 }).stdout;
  const floor = repeat(() => ssh("rm -rf /tmp/bench && mkdir /tmp/bench && tar -x -C /tmp/bench", tar));
  const { switched, checked, total } = await pushTimes(folder);
  add({
    work: "1000 DAG files: upload and switch",
    floor: seconds(floor),
    ours: seconds(switched - checked),
    goal: "2 s",
  });
  add({ work: "  their check in Airflow", floor: "–", ours: seconds(checked), goal: "–" });
  add({ work: "  wait until Airflow shows them", floor: "–", ours: seconds(total - switched), goal: "–" });
}

const DAG = `from airflow.sdk import dag, task

@dag(schedule=None)
def ID():
    @task
    def hello(): return 1
    hello()

ID()
`;

/** Seconds from the start to each line that tells of it. */
async function pushTimes(folder: string): Promise<{ switched: number; checked: number; total: number }> {
  const started = Date.now();
  const child = spawn(process.execPath, ["run", "dags"], {
    cwd: ROOT,
    env: { ...process.env, DAGS: folder },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const at: Record<string, number> = {};
  createInterface({ input: child.stderr }).on(
    "line",
    (line) => (at[line.trim().split(" ")[0]!] = (Date.now() - started) / 1000),
  );
  const code = await new Promise((done) => child.on("close", done));
  if (code !== 0) throw new Error("make dags failed");
  return { switched: at["switched"]!, checked: at["checked"]! - at["uploaded"]!, total: at["waited"]! };
}

/** Its peer is Airflow's own scheduler on the same host. */
async function taskSpeed(): Promise<void> {
  for (const parallelism of [8, 16]) {
    const { stock, ours } = await shortTasks(deployment, join(work, "short"), { parallelism, rounds: RUNS });
    const ratio = ours.tasksPerSecond / stock.tasksPerSecond;
    add({
      work: `100 short tasks, parallelism ${parallelism}`,
      floor: `${stock.tasksPerSecond.toFixed(1)}/s (stock)`,
      ours: `${ours.tasksPerSecond.toFixed(1)}/s (${ratio.toFixed(2)} ×)`,
      goal: "14/s",
    });
    add({
      work: "  longest pause between two starts",
      floor: `${seconds(stock.longestPause)} (stock)`,
      ours: seconds(ours.longestPause),
      goal: "0.7 s",
    });
  }
}

async function demo(floor: number): Promise<void> {
  verb("teardown");
  const clone = join(work, "clone");
  execFileSync("git", ["clone", "--quiet", ROOT, clone]);
  const env = { ...process.env, AIRFLOW_STATE: join(clone, "state"), CONFIRM: "local" };
  const time = await timed(async () => void execFileSync("make", ["demo"], { cwd: clone, env, stdio: "ignore" }));
  execFileSync("make", ["teardown"], { cwd: clone, env, stdio: "ignore" });
  add({
    work: "fresh clone to finished make demo",
    floor: `${seconds(floor)} (provisioning alone)`,
    ours: seconds(time),
    goal: "240 s",
  });
}

/** Runs a verb's script and returns its seconds. */
function verb(name: string, env: NodeJS.ProcessEnv = {}): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, ["run", name], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`make ${name} failed:\n${stderr}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}

/** Runs a command by the system's ssh and returns its seconds. */
function ssh(command: string, input: string | Buffer): number {
  const started = process.hrtime.bigint();
  const { status } = spawnSync(
    "ssh",
    sshArguments(deployment.paths, mainHost(deployment), deployment.paths.sshKey, command),
    {
      input,
      maxBuffer: 2 ** 28,
    },
  );
  if (status !== 0) throw new Error(`ssh failed: ${command}`);
  return Number(process.hrtime.bigint() - started) / 1e9;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = Date.now();
  await work();
  return (Date.now() - started) / 1000;
}

async function repeatAsync(measure: () => Promise<number>, times = 7): Promise<number> {
  const figures: number[] = [];
  for (let i = 0; i < times; i++) figures.push(await measure());
  return median(figures);
}
const repeat = (measure: () => number, times = 7): number => median(Array.from({ length: times }, measure));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const seconds = (value: number): string => `${value.toFixed(2)} s`;

void main();
