import { ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import { AirflowApi, withAirflow } from "../../provision/api/airflow-api";
import { Deployment, loadDeployment } from "../../provision/deployment/deployment";
import { localNames, removeLocal } from "../../provision/local/local-docker";
import { mainHost } from "../../provision/link/main-host";
import { DAGS, ROOT } from "../../provision/deployment/paths";
import type { Secrets } from "../../provision/deployment/secret-names";
import { readSecrets } from "../../provision/deployment/secrets-file";
import { withHost } from "../../provision/link/ssh-host";
import { context } from "./context";

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  /** Standard output and standard error, in the order in which they came. */
  readonly text: string;
}

/** A running verb. */
export interface Running {
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  text(): string;
  /** Waits until it has printed text that matches. */
  says(what: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** What verbs may change on a host. */
export interface Trace {
  /** Id of the newest change. */
  readonly newest: string;
  readonly release: string;
  readonly dagRelease: string;
  /** Container id and start, by service. */
  readonly services: Readonly<Record<string, string>>;
}

type Variables = Readonly<Record<string, string>>;

/** The first settings of the suite's deployment. If Airflow cleaned up old releases, these thresholds would end its scheduler at the second release. */
const SETTINGS = {
  infrastructure: "local",
  airflow: {
    settings: { dag_processor: { stale_bundle_cleanup_min_versions: 1, stale_bundle_cleanup_age_threshold: 0 } },
  },
};

/**
 * The deployment `life`: a real local host with real Airflow. The chapters of the suite share it, one after the other.
 * LIFE_KEEP=1 AIRFLOW_STATE=<folder> keeps the host for the next run, so that one chapter can be tried again.
 */
export class Life {
  readonly name = "life";
  readonly state = process.env["AIRFLOW_STATE"] ?? mkdtempSync(join(tmpdir(), "life-"));
  private readonly work = join(this.state, this.name, "work");
  readonly dagFolder = join(this.work, "dags");
  /** Everything that verbs have printed: a test searches it for secrets. */
  transcript = "";
  private readonly running = new Set<ChildProcess>();
  private airflowSettings: object = {};

  constructor() {
    process.env["AIRFLOW_STATE"] = this.state;
    process.env["AIRFLOW_DEPLOYMENTS"] = join(this.work, "deployments");
    mkdirSync(process.env["AIRFLOW_DEPLOYMENTS"], { recursive: true });
    this.set({});
    if (!existsSync(this.dagFolder)) cpSync(DAGS, this.dagFolder, { recursive: true });
  }

  /** Writes the deployment file, with the settings of the suite and those of `airflow`. */
  set(airflow: object): void {
    this.airflowSettings = { ...this.airflowSettings, ...airflow };
    const content = { ...SETTINGS, airflow: { ...SETTINGS.airflow, ...this.airflowSettings } };
    writeFileSync(join(process.env["AIRFLOW_DEPLOYMENTS"]!, `${this.name}.yaml`), stringify(content));
  }

  get deployment(): Deployment {
    return loadDeployment(this.name, process.env["AIRFLOW_DEPLOYMENTS"]);
  }

  get hostName(): string {
    return localNames(this.deployment).host;
  }

  /** Throws if there is no host: each chapter would only wait for its time-out. */
  requireHost(): void {
    if (!existsSync(this.deployment.paths.outputs)) throw new Error("there is no host: make demo has failed");
  }

  /** Runs a verb's script, because make does not pass on its exit code. */
  run(verb: string, variables: Variables = {}, input?: string): Promise<Ended> {
    return this.start(verb, variables, input).ended;
  }

  start(verb: string, variables: Variables = {}, input?: string): Running {
    const script = verb.includes("/") ? ["--require", "tsx/cjs", verb] : [join(ROOT, "run"), verb];
    return this.spawn(process.execPath, script, variables, input);
  }

  /** Runs a line in a shell, as an operator does who pastes a hint. */
  paste(line: string): Promise<Ended> {
    return this.spawn("sh", ["-c", line], {}).ended;
  }

  /** Runs a verb by make, as an operator does. @throws Error with everything that it printed, if it fails */
  async make(verb: string, variables: Variables = {}): Promise<Ended> {
    const ended = await this.spawn("make", [verb], variables).ended;
    if (ended.code !== 0) throw new Error(`make ${verb} ended with ${ended.code}:\n${ended.text}`);
    return ended;
  }

  private spawn(program: string, args: readonly string[], variables: Variables, input?: string): Running {
    const env = { ...process.env, DEPLOYMENT: this.name, ...variables };
    for (const name of ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"]) delete (env as NodeJS.ProcessEnv)[name];
    const child = spawn(program, args, { cwd: ROOT, env, stdio: "pipe" });
    child.stdin.on("error", () => undefined).end(input);
    this.running.add(child);
    let [text, stdout] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (part: string) => ((text += part), (stdout += part)));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part));
    let isOver = false;
    const ended = new Promise<Ended>((resolve) =>
      child.once("close", (code) => {
        isOver = true;
        this.running.delete(child);
        this.transcript += text;
        resolve({ code, stdout, text });
      }),
    );
    return {
      ended,
      text: () => text,
      says: async (what) => {
        while (!what.test(text)) {
          if (isOver) throw new Error(`it ended before it said ${what}:\n${text}`);
          await sleep(20);
        }
      },
      signal: (name) => void child.kill(name),
    };
  }

  /** Runs a script as root on the host, without SSH. @throws Error if it fails */
  async host(script: string): Promise<string> {
    const { code, stdout, stderr } = await pipe("docker", ["exec", "-i", this.hostName, "sh", "-e"], script);
    if (code !== 0) throw new Error(`on the host, ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async trace(): Promise<Trace> {
    const out = await this.host(`cat /var/lib/airflow-deployment/changes/newest
readlink /srv/airflow/current || echo none
readlink /srv/airflow/dags/current || echo none
docker ps --all --quiet --filter label=com.docker.compose.oneoff=False | xargs -r docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.State.StartedAt}} {{.State.Status}}'`);
    const [newest, release, dagRelease, ...services] = out.trim().split("\n");
    const pairs = services.map((line) => line.split(/ (.*)/).slice(0, 2) as [string, string]);
    return { newest: newest!, release: release!, dagRelease: dagRelease!, services: Object.fromEntries(pairs) };
  }

  /** Waits until a change runs on the host. */
  async changeRuns(): Promise<void> {
    await this.host("until systemctl is-active --quiet airflow-change.service; do sleep 0.05; done");
  }

  async changeEnds(): Promise<void> {
    await this.host("while systemctl is-active --quiet airflow-change.service; do sleep 0.2; done");
  }

  /** Airflow's REST API, as the administrator. */
  async airflow<T>(use: (airflow: AirflowApi) => Promise<T>): Promise<T> {
    const { deployment } = this;
    const { admin_password } = await readSecrets(deployment);
    return withHost(deployment, mainHost(deployment), (host) => withAirflow(host, admin_password, use));
  }

  secrets(): Promise<Secrets> {
    return readSecrets(this.deployment);
  }

  /** Writes a file of the suite's own DAG folder, or removes it. */
  dag(file: string, content: string | undefined): void {
    const path = join(this.dagFolder, file);
    mkdirSync(dirname(path), { recursive: true });
    if (content === undefined) rmSync(path);
    else writeFileSync(path, content);
  }

  /** Writes a folder of files for the suite, and returns its path. */
  folder(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join(this.work, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  }

  pushDags(variables: Variables = {}): Promise<Ended> {
    return this.run("dags", { DAGS: this.dagFolder, ...variables });
  }

  /** Removes everything that is left, also after a failure. */
  async remove(): Promise<void> {
    // make and the demo pass the signal on to their own processes.
    for (const child of this.running) child.kill("SIGTERM");
    if (process.env["LIFE_KEEP"]) return;
    await removeLocal(context, localNames(this.deployment), { data: true });
    rmSync(join(this.state, this.name), { recursive: true, force: true });
  }
}

/** The services whose container was replaced or started again. */
export const touched = (before: Trace, after: Trace): string[] =>
  [...new Set([...Object.keys(before.services), ...Object.keys(after.services)])]
    .filter((service) => before.services[service] !== after.services[service])
    .sort();

/** Runs a program on this machine, with an input. */
export function pipe(
  program: string,
  args: readonly string[],
  input = "",
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "pipe" });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
    child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
    child.once("error", reject).once("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => undefined).end(input);
  });
}

export const text = (file: string): string => readFileSync(file, "utf8");
