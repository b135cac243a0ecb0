import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runChild } from "./base/child";
import { Context, makeContext } from "./base/context";
import { UserError } from "./base/errors";
import { runMain } from "./base/main";
import { terraformProgram } from "./stacks/folders";
import { tooOldOrMissing } from "./stacks/terraform-errors";
import { Machine, PROGRAMS, SetupAction, planSetup } from "./local/setup-plan";

const DOCKERD_LOG = "/var/log/dockerd.log";
const DOCKER_SECONDS = 60;

const context = makeContext();
runMain(context, async () => {
  const { screen } = context;
  if (!isInstalled(terraformProgram())) throw tooOldOrMissing("is not installed");
  const actions = planSetup(await readMachine(context));
  if (actions.length === 0) return screen.print("this machine has all that is needed");
  for (const { summary } of actions) screen.say(summary);
  if (screen.canAsk() && !/^(y|yes)?$/i.test((await screen.ask("go ahead? [Y/n] ")).trim()))
    throw new UserError("you declined: nothing was changed");
  for (const action of actions) await perform(context, action);
  screen.print("this machine is ready");
});

async function readMachine(context: Context): Promise<Machine> {
  return {
    systems: systems(existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : ""),
    isRoot: process.getuid?.() === 0,
    hasSystemd: existsSync("/run/systemd/system"),
    dockerAnswers: await dockerAnswers(context),
    hasDockerCe: existsSync("/var/lib/dpkg/info/docker-ce-cli.list") || existsSync("/var/lib/dpkg/info/docker-ce.list"),
    programs: new Set(PROGRAMS.filter(isInstalled)),
  };
}

function systems(osRelease: string): string[] {
  return [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, names]) => names!.split(" "));
}

function isInstalled(program: string): boolean {
  if (program.includes("/")) return existsSync(program);
  return `${process.env["PATH"]}${delimiter}/usr/sbin${delimiter}/sbin`
    .split(delimiter)
    .some((folder) => existsSync(join(folder, program)));
}

/** Asks by `docker version`, because `docker info --format` exits with 0 even if no engine answers. */
async function dockerAnswers(context: Context): Promise<boolean> {
  return (
    isInstalled("docker") &&
    (await runChild(context, "docker", ["version", "--format", "{{.Server.Version}}"])).code === 0
  );
}

async function perform(context: Context, { kind, packages = [] }: SetupAction): Promise<void> {
  if (kind === "install") return install(context, packages);
  // The packages may have started Docker.
  if (await dockerAnswers(context)) return;
  if (kind === "start-service") await must(context, "systemctl", ["enable", "--now", "docker"]);
  else startByHand();
  const end = Date.now() + DOCKER_SECONDS * 1000;
  while (!(await dockerAnswers(context))) {
    if (Date.now() > end) throw new UserError(`Docker does not answer after ${DOCKER_SECONDS} s`, logHint(kind));
    await sleep(200);
  }
}

const logHint = (kind: SetupAction["kind"]): string =>
  kind === "start-service" ? "journalctl -u docker says why" : `${DOCKERD_LOG} says why`;

async function install(context: Context, packages: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1" };
  const apt = (...args: string[]): Promise<void> =>
    must(context, "apt-get", ["--quiet", "--option", "DPkg::Lock::Timeout=300", ...args], env);
  await apt("update");
  // Since Debian 13 the client is a package of its own.
  const client =
    packages.includes("docker.io") && (await runChild(context, "apt-cache", ["show", "docker-cli"])).code === 0;
  await apt("install", "--yes", "--no-install-recommends", ...packages, ...(client ? ["docker-cli"] : []));
}

/** A killed dockerd leaves these pid files behind, and does not start again while another process has such a number. */
const PID_FILES = { dockerd: "/var/run/docker.pid", containerd: "/var/run/docker/containerd/containerd.pid" };

function removeStalePidFiles(): void {
  for (const [name, file] of Object.entries(PID_FILES)) {
    if (!existsSync(file)) continue;
    const process = `/proc/${readFileSync(file, "utf8").trim()}/comm`;
    if (existsSync(process) && readFileSync(process, "utf8").trim() === name) continue;
    rmSync(file);
  }
}

/** Starts dockerd detached, in a session of its own, so that it outlives this verb and its terminal. */
function startByHand(): void {
  removeStalePidFiles();
  const log = openSync(DOCKERD_LOG, "a");
  const child = spawn("dockerd", [], { detached: true, stdio: ["ignore", log, log], cwd: "/" });
  child.once("error", () => undefined);
  child.unref();
  closeSync(log);
}

async function must(context: Context, program: string, args: readonly string[], env = process.env): Promise<void> {
  const { code, stderr, stdout } = await runChild(context, program, args, { env });
  if (code !== 0) throw new UserError(`${program} failed: ${(stderr || stdout).trim().slice(-2000)}`);
}
