import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { finishFirstBoot, planFirstBoot } from "../../provision/first-boot";
import { authorOf } from "../../provision/change/change-host";
import { context } from "../support/context";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";

/** A host that no Terraform has made, as `infrastructure: existing` names it. The life of Airflow on it is that of any host. */
jest.setTimeout(120_000);

let machine: SystemdHost;
let deployments: string;
let hostKey: string;

beforeAll(async () => {
  machine = await makeSystemdHost();
  // The machine's own mount goes: an existing host has none.
  hostKey = machine.root("umount /srv/airflow; cat /etc/ssh/ssh_host_ed25519_key.pub").trim();
  deployments = join(machine.state, "deployments");
  mkdirSync(deployments);
});
afterAll(() => machine?.remove());

function describeHost(more: object = {}): void {
  const { address, port, user } = machine.target;
  const hosts = [{ address, port, user, hostKey, ...more }];
  writeFileSync(join(deployments, "office.yaml"), JSON.stringify({ infrastructure: "existing", hosts }));
}

function run(verb: string, more: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "run"), verb], {
    encoding: "utf8",
    env: {
      ...process.env,
      DEPLOYMENT: "office",
      AIRFLOW_DEPLOYMENTS: deployments,
      AIRFLOW_STATE: machine.state,
      AIRFLOW_SSH_KEY: machine.deployment.paths.sshKey,
      ...more,
    },
  });
  return { status, stdout, stderr };
}

test("another host key than that in the deployment file is refused, and nothing is changed", () => {
  const other = readFileSync(`${machine.deployment.paths.sshKey}.pub`, "utf8").trim();
  describeHost({ hostKey: other });
  expect(run("infrastructure")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/error: the SSH host key of ubuntu@127\.0\.0\.1:\d+ is not the pinned one/),
  });
});

test("make infrastructure uses the host, pins its key, and makes nothing", () => {
  describeHost();
  const { port } = machine.target;
  const summary = `use ubuntu@127.0.0.1:${port}, which is there already, and pin its SSH host key`;
  expect(run("plan").stdout).toContain(`infrastructure (make infrastructure):\n  host: ${summary}\n`);
  expect(run("infrastructure")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(new RegExp(`^infrastructure is ready in .*: ubuntu@127.0.0.1:${port}\n$`)),
    stderr: expect.stringContaining("next: DEPLOYMENT=office make provision"),
  });
  expect(readFileSync(join(deployments, "office.known_hosts"), "utf8")).toContain(hostKey.split(" ")[1]);
  expect(run("infrastructure")).toMatchObject({ status: 0, stdout: "nothing to do\n" });
  expect(run("ssh", { CMD: "whoami" })).toMatchObject({ status: 0, stdout: "ubuntu\n" });
});

test("make teardown destroys no host that this tool has not made, and says how Airflow is removed", () => {
  expect(run("teardown", { CONFIRM: "office" })).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /error: ubuntu@\S+ was not made by this tool.*\nhint: to remove Airflow .*CMD="sudo docker/,
    ),
  });
  expect(existsSync(join(deployments, "office.known_hosts"))).toBe(true);
});

test("a folder for the data is mounted at /srv/airflow, once, at every boot", async () => {
  const host = await machine.connect();
  const dataDevice = { folder: "/var/lib/airflow-data" };
  try {
    machine.root("touch /srv/airflow/mine");
    await expect(planFirstBoot(context, host, { dataDevice })).rejects.toThrow(
      "/srv/airflow is not empty (mine) and /var/lib/airflow-data is not mounted there",
    );
    machine.root("rm /srv/airflow/mine");
    await finishFirstBoot(context, host, { dataDevice }, authorOf("provision"));
    machine.root(
      "mountpoint -q /srv/airflow; touch /srv/airflow/x; test -e /var/lib/airflow-data/x; rm /srv/airflow/x",
    );
    expect(await planFirstBoot(context, host, { dataDevice })).toEqual([]);
    expect(machine.root("grep -c /srv/airflow /etc/fstab")).toBe("1\n");
    // As a boot does.
    machine.root("umount /srv/airflow; mount --all; mountpoint -q /srv/airflow");
    await expect(planFirstBoot(context, host, { dataDevice: { folder: "/other" } })).rejects.toThrow(
      "something is mounted at /srv/airflow already",
    );
  } finally {
    host.close();
  }
});
