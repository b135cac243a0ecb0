import { ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDeployment } from "../../provision/deployment/deployment";
import { localNames } from "../../provision/local/local-docker";
import { ROOT } from "../../provision/deployment/paths";
import { readOutputs } from "../../provision/link/outputs";
import { planInfrastructure } from "../../provision/stacks/terraform-plan";
import { infrastructureOf } from "../../provision/stacks/infrastructure-of";
import { context } from "../support/context";

// Real Terraform and real Docker: one deployment in a folder of its own, the tests in the order of its life.
let state = mkdtempSync(join(tmpdir(), "infra-"));
process.env["AIRFLOW_STATE"] = state;
const deployment = () => loadDeployment("local");
const names = localNames(deployment());
jest.setTimeout(180_000);

const environment = (extra: Record<string, string> = {}) => ({
  ...process.env,
  DEPLOYMENT: "local",
  AIRFLOW_STATE: state,
  ...extra,
});

function verb(name: string, extra: Record<string, string> = {}) {
  const options = { cwd: ROOT, env: environment(extra), encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["run", name], options);
  return { status, stdout, stderr };
}

const docker = (...args: string[]) => spawnSync("docker", args, { encoding: "utf8" });
const exists = (kind: "container" | "volume", name: string) => docker(kind, "inspect", name).status === 0;
const containerId = () => docker("inspect", "--format", "{{.Id}}", names.host).stdout.trim();
const isRunning = () => docker("inspect", "--format", "{{.State.Running}}", names.host).stdout.trim() === "true";

/** The system's ssh, which believes only the pinned key. */
function ssh(command: string) {
  const { paths } = deployment();
  const [host] = readOutputs(deployment()).hosts;
  const options = ["-F", "none", "-i", paths.sshKey, "-p", String(host!.port)].concat(
    ...[
      "IdentitiesOnly=yes",
      "BatchMode=yes",
      "StrictHostKeyChecking=yes",
      `UserKnownHostsFile=${paths.knownHosts}`,
    ].map((option) => ["-o", option]),
  );
  return spawnSync("ssh", [...options, `${host!.user}@${host!.address}`, command], { encoding: "utf8" });
}

afterAll(() => {
  docker("rm", "--force", "--volumes", names.host);
  docker("volume", "rm", names.engineVolume, names.dataVolume);
  rmSync(state, { recursive: true, force: true });
});

test("no infrastructure without a key", () => {
  const { status, stderr } = verb("infrastructure");
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: there is no SSH key.*\nhint: run make keypair/);
});

test("keypair makes what is missing and never overwrites", () => {
  const { sshKey, ageIdentity } = deployment().paths;
  expect(verb("keypair").status).toBe(0);
  expect([sshKey, ageIdentity].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
  const before = readFileSync(sshKey, "utf8");

  expect(verb("keypair")).toMatchObject({ status: 1, stdout: "" });

  rmSync(ageIdentity);
  expect(verb("keypair").stderr).toContain(`created ${ageIdentity}`);
  expect(readFileSync(sshKey, "utf8")).toBe(before);
});

test("there is none yet", () => {
  expect(() => readOutputs(deployment())).toThrow(/no infrastructure yet/);
});

test("infrastructure makes a host that its pinned key admits, with root, apt and a data volume", () => {
  const { status, stdout, stderr } = verb("infrastructure");
  expect(stderr).toContain(`host: create host ${names.host}`);
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^infrastructure is ready/) });
  const result = ssh("sudo -n id -u && findmnt -n -o TARGET /srv/airflow && command -v apt-get && ! command -v docker");
  expect(result).toMatchObject({ status: 0, stdout: "0\n/srv/airflow\n/usr/bin/apt-get\n" });
});

test("a second run finds nothing to do", async () => {
  const before = containerId();
  expect((await planInfrastructure(infrastructureOf(context, deployment()))).changes).toEqual([]);
  expect(verb("infrastructure")).toMatchObject({ status: 0, stdout: "nothing to do\n" });
  expect(containerId()).toBe(before);
});

test("a reboot from inside is a reboot: the same host, another boot", async () => {
  const read = () => ssh("cat /etc/machine-id /proc/sys/kernel/random/boot_id").stdout.split("\n");
  const [machine, boot] = read();
  ssh("sudo systemctl reboot");
  const deadline = Date.now() + 60_000;
  while (read()[1] === undefined || read()[1] === boot) {
    if (Date.now() > deadline) throw new Error("the host did not come back");
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(read()[0]).toBe(machine);
  expect((await planInfrastructure(infrastructureOf(context, deployment()))).changes).toEqual([]);
});

test("a stopped host is noticed and started again", async () => {
  const before = containerId();
  docker("stop", "--time", "5", names.host);
  expect((await planInfrastructure(infrastructureOf(context, deployment()))).text).toBe("host: start the host");
  expect(verb("infrastructure").status).toBe(0);
  expect([isRunning(), containerId()]).toEqual([true, before]);
});

test("a removed host is noticed and made again: another id and key, the same port and data", async () => {
  const [before] = readOutputs(deployment()).hosts;
  ssh("sudo sh -c 'echo kept > /srv/airflow/note'");
  docker("rm", "--force", names.host);
  expect((await planInfrastructure(infrastructureOf(context, deployment()))).changes).toMatchObject([
    { stack: "host", action: "replace" },
  ]);
  expect(verb("infrastructure").status).toBe(0);
  const [after] = readOutputs(deployment()).hosts;
  expect(after!.port).toBe(before!.port);
  expect(after!.id).not.toBe(before!.id);
  expect(ssh("cat /srv/airflow/note").stdout).toBe("kept\n");
});

test("a host whose key is not the pinned one stops everything", () => {
  const { knownHosts } = deployment().paths;
  const pinned = readFileSync(knownHosts, "utf8");
  writeFileSync(knownHosts, pinned.replace(/ssh-ed25519 \S{30}/, `ssh-ed25519 ${"A".repeat(30)}`));
  const { status, stderr } = verb("infrastructure");
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/SSH host key of .* is not the one that is pinned/),
  });
  writeFileSync(knownHosts, pinned);
});

test("a state that is held by another run is 75", async () => {
  const hold = holdLock(join(state, "local/host.tfstate"));
  await hold.ready;
  const { status, stderr } = verb("infrastructure");
  hold.child.kill();
  expect({ status, stderr }).toEqual({ status: 75, stderr: expect.stringMatching(/being changed/) });
});

/** Terraform locks its local state by fcntl. */
function holdLock(file: string): { child: ChildProcess; ready: Promise<void> } {
  const source =
    "import fcntl,sys,time; f=open(sys.argv[1],'r+'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); time.sleep(60)";
  const child = spawn("python3", ["-c", source, file], { stdio: ["ignore", "pipe", "inherit"] });
  return { child, ready: new Promise((resolve) => child.stdout!.once("data", () => resolve())) };
}

test("a broken state is an error that names the file's copy", () => {
  const file = join(state, "local/host.tfstate");
  const before = readFileSync(file);
  writeFileSync(file, before.subarray(0, 50));
  const { status, stderr } = verb("infrastructure");
  writeFileSync(file, before);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/cannot read the state of host[\s\S]*hint: \S*host.tfstate.backup/),
  });
});

test.each(["SIGINT", "SIGTERM"] as const)("%s during the creation is 130, and the next run goes on", async (signal) => {
  docker("rm", "--force", names.host);
  const child = spawn(process.execPath, ["run", "infrastructure"], {
    cwd: ROOT,
    env: environment(),
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve) =>
    child.stderr.on("data", (text) => /replace host/.test(String(text)) && resolve()),
  );
  // Ctrl-C reaches the whole group; SIGTERM the process alone.
  process.kill(signal === "SIGINT" ? -child.pid! : child.pid!, signal);
  expect(await ended).toBe(130);
  expect(verb("infrastructure").status).toBe(0);
  expect(ssh("true").status).toBe(0);
});

test("a lost state loses nothing: host and volume are taken as they are", () => {
  const before = containerId();
  rmSync(join(state, "local/host.tfstate"));
  rmSync(join(state, "local/data.tfstate"));
  expect(verb("infrastructure").status).toBe(0);
  expect(containerId()).toBe(before);
  expect(ssh("cat /srv/airflow/note").stdout).toBe("kept\n");
});

test("a moved checkout never deletes the data", () => {
  const moved = `${state}-moved`;
  const before = state;
  renameSync(before, moved);
  state = moved;
  const { status, stderr } = verb("infrastructure");
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/only make teardown may/) });
  renameSync(moved, before);
  state = before;
  expect(exists("volume", names.dataVolume)).toBe(true);
  expect(verb("infrastructure")).toMatchObject({ status: 0, stdout: "nothing to do\n" });
});

test("teardown wants the deployment's name", () => {
  for (const CONFIRM of ["", "other"]) {
    expect(verb("teardown", { CONFIRM })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("hint: run CONFIRM=local make teardown"),
    });
  }
  expect(isRunning()).toBe(true);
});

test("teardown KEEP_DATA=1 keeps the data for the next host", () => {
  const { port } = readOutputs(deployment()).hosts[0]!;
  const { status, stderr } = verb("teardown", { CONFIRM: "local", KEEP_DATA: "1" });
  expect(stderr).toMatch(/loses, for good:\n {2}the host .* old\n/);
  expect(status).toBe(0);
  expect([
    exists("container", names.host),
    exists("volume", names.engineVolume),
    exists("volume", names.dataVolume),
  ]).toEqual([false, false, true]);
  expect(verb("infrastructure").status).toBe(0);
  expect(ssh("cat /srv/airflow/note").stdout).toBe("kept\n");
  expect(readOutputs(deployment()).hosts[0]!.port).toBe(port);
});

test("teardown leaves no container and no volume, and the keys", () => {
  expect(verb("teardown", { CONFIRM: "local" }).status).toBe(0);
  expect([
    exists("container", names.host),
    exists("volume", names.engineVolume),
    exists("volume", names.dataVolume),
  ]).toEqual([false, false, false]);
  expect(existsSync(deployment().paths.sshKey)).toBe(true);
  expect(verb("teardown")).toMatchObject({ status: 0, stdout: "nothing to do\n" });
});
