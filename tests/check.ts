/**
 * `make check`: types, lint, format, and all tests. The last line is `N passed, N failed`. A check that cannot run, a
 * skipped test and a suite without tests count as failed. FAST=1 leaves out what needs root,
 * Docker, Python tools or whole Terraform stacks; LONG=1 adds tests of more than ten minutes.
 */
import { ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localNames, readLocalHost, readLocalVolume, removeLocal } from "../provision/local/local-docker";
import { pathsOf } from "../provision/deployment/paths";
import { context } from "./support/context";

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const root = join(__dirname, "..");
const fast = process.env["FAST"] === "1";
const work = mkdtempSync(join(tmpdir(), "airflow-check-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

/** Of the hosts that life tests make: what is left under it afterwards is removed, and counted as a failure. */
const lifeState = join(work, "state");
process.env["AIRFLOW_STATE"] = lifeState;

const running = new Set<ChildProcess>();
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stopped = true;
    stop("SIGTERM");
    setTimeout(() => stop("SIGKILL"), 10_000).unref();
  });
}

/** Every tool runs in a process group of its own, so that what tests have started ends with it. */
function stop(signal: NodeJS.Signals, children: Iterable<ChildProcess> = running): void {
  for (const { pid } of children) {
    try {
      if (pid) process.kill(-pid, signal);
    } catch {
      // It has ended.
    }
  }
}

interface Ended {
  readonly code: number;
  /** What it printed, if it was not shown at once. */
  readonly output: string;
}

/** Runs a tool of node_modules. Its output is shown at once, or kept if another tool runs beside it. */
function run(tool: string, args: readonly string[], isShown = true): Promise<Ended> {
  return new Promise((resolve) => {
    const program = join(root, "node_modules/.bin", tool);
    const out = isShown ? "inherit" : "pipe";
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", out, out], detached: true });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", (error) => resolve({ code: -1, output: error.message }));
    child.on("close", (code) => {
      if (stopped) stop("SIGKILL", [child]);
      running.delete(child);
      resolve({ code: code ?? -1, output });
    });
  });
}

async function check(tool: string, ...args: string[]): Promise<Count> {
  const { code, output } = await run(tool, args, false);
  if (code !== 0) console.log(output.trimEnd());
  console.log(`${code === 0 ? "passed" : "FAILED"}: ${tool} ${args.join(" ")}`);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function jest(projects: readonly string[], ...args: string[]): Promise<Count> {
  const report = join(work, `${projects.join("-")}.json`);
  // A handle that a test left open must not hang the check; a process or host that is left is found otherwise.
  const fixed = ["--forceExit", "--json", `--outputFile=${report}`];
  const { code, output } = await run("jest", ["--selectProjects", ...projects, ...fixed, ...args]);
  try {
    return count(JSON.parse(readFileSync(report, "utf8")), code, projects);
  } catch {
    console.log(`FAILED: jest left no report (exit code ${code}) ${output}`);
    return { passed: 0, failed: 1 };
  }
}

/** Everything that is not a passed test is a failure: skipped, to do, files that cannot run, projects without tests. */
function count(report: any, code: number, projects: readonly string[]): Count {
  const passed: number = report.numPassedTests;
  const files: string[] = report.testResults.map(({ name }: { name: string }) => name);
  const empty = projects.filter((project) => !files.some((file) => file.includes(`/tests/${project}/`)));
  for (const project of empty) console.log(`FAILED: no ${project} tests`);
  const failed = report.numTotalTests - passed + report.numRuntimeErrorTestSuites + empty.length;
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
}

async function removeLeftHosts(): Promise<Count> {
  let failed = 0;
  for (const name of existsSync(lifeState) ? readdirSync(lifeState) : []) {
    const names = localNames({ name, paths: pathsOf(name, "local") });
    const isLeft = (await readLocalHost(context, names)) ?? (await readLocalVolume(context, names.dataVolume));
    if (!isLeft) continue;
    console.log(`FAILED: ${names.host} was left behind`);
    await removeLocal(context, names, { data: true });
    failed += 1;
  }
  return { passed: 0, failed };
}

async function inTurn(steps: readonly (() => Promise<Count>)[]): Promise<Count[]> {
  const counts: Count[] = [];
  for (const step of steps) if (!stopped || step === removeLeftHosts) counts.push(await step());
  return counts;
}

async function main(): Promise<void> {
  // Jest keeps one of the two cores busy: the other tools run beside it.
  const beside = [
    () => check("tsc"),
    () => check("eslint", "."),
    () => check("prettier", "--check", "--log-level=warn", "."),
  ];
  const steps = [
    () => jest(["unit", "integration"]),
    // One real host after the other: they would fight for the machine. The acceptance tests are run by the life tests.
    ...(fast ? [] : [() => jest(["life"], "--runInBand"), removeLeftHosts]),
  ];
  const counts = (await Promise.all([inTurn(beside), inTurn(steps)])).flat();
  let total = counts.reduce((sum, { passed, failed }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
  }));
  if (stopped) {
    console.log("interrupted");
    total = { ...total, failed: total.failed + 1 };
  }
  const summary = `${total.passed} passed, ${total.failed} failed`;
  if (process.env["CHECK_SUMMARY"]) writeFileSync(process.env["CHECK_SUMMARY"], `${summary}\n`);
  console.log(summary);
  process.exitCode = stopped ? 130 : total.failed > 0 ? 1 : 0;
}

void main();
