import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { changeHost, planHost } from "../../provision/change/change-host";
import { Fact } from "../../provision/change/fact";
import { readRaw } from "../../provision/change/read-facts";
import { ConnectedHost } from "../../provision/link/ssh-host";
import { finishInterrupted, install, installedOf, isDpkgBroken } from "../../provision/steps/apt";
import { access } from "../../provision/steps/access";
import { UPDATES_PACKAGE, updates } from "../../provision/steps/updates";
import { ANN, change } from "../support/plans";
import { context } from "../support/context";
import { sh } from "../../provision/base/shell";
import { PYTHON } from "../support/moto";
import { wantedOf } from "../support/wanted";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";

jest.setTimeout(240_000);

let machine: SystemdHost;
let host: ConnectedHost;

beforeAll(async () => {
  machine = await makeSystemdHost();
  host = await machine.connect();
});
afterAll(() => {
  host?.close();
  machine?.remove();
});

async function read<T>(fact: Fact<T>): Promise<T> {
  const [raw] = await readRaw(host, [fact]);
  return fact.parse(raw!.result);
}

describe("a package manager that is at work", () => {
  const HALF = `sed -i '/^Package: curl$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status`;
  /** Holds dpkg's locks as dpkg does, for so many seconds. */
  const hold = (seconds: number): void =>
    void machine.root(`cat > /root/hold.py <<'END'
import fcntl, time
files = [open(f"/var/lib/dpkg/{name}", "w") for name in ("lock-frontend", "lock")]
for file in files: fcntl.lockf(file, fcntl.LOCK_EX)
open("/root/held", "w")
time.sleep(${seconds})
END
systemd-run --quiet --collect --unit=hold python3 /root/hold.py
until [ -e /root/held ]; do sleep 0.05; done; rm /root/held`);

  test("is no interrupted one, and what it has half done counts as installed", async () => {
    machine.root(HALF);
    expect([await read(isDpkgBroken), await read(installedOf(["curl"]))]).toEqual([true, new Set()]);
    hold(600);
    expect([await read(isDpkgBroken), await read(installedOf(["curl"]))]).toEqual([false, new Set(["curl"])]);
    machine.root("systemctl stop hold");
  });
  test("is waited for before an interrupted one is finished", async () => {
    machine.root(HALF);
    hold(8);
    await change(host, finishInterrupted);
    expect(machine.root("dpkg -s curl | grep ^Status; dpkg --audit")).toBe("Status: install ok installed\n");
  });
});

describe("who may log in", () => {
  const KEYS = "/home/ubuntu/.ssh/authorized_keys";
  const publicKey = (): string => readFileSync(`${machine.deployment.paths.sshKey}.pub`, "utf8").trim();
  const wanted = (...more: string[]) => ({
    ...wantedOf(),
    authorizedKeys: [publicKey(), ...more],
    loginKey: host.loginKey,
  });
  const plan = (...more: string[]) => planHost(context, host, [access], wanted(...more));
  const provision = async (...more: string[]): Promise<void> =>
    void (await changeHost(context, host, await plan(...more), ANN));
  const state = (): string =>
    machine.root(`sha256sum ${KEYS} /etc/ssh/sshd_config.d/* /etc/systemd/system/ssh.service.d/*`);
  const otherKey = (): string => {
    const file = join(machine.state, "other");
    execFileSync("sh", ["-c", `[ -e "$1" ] || ssh-keygen -q -t ed25519 -N "" -C eve -f "$1"`, "sh", file]);
    return file;
  };
  const ssh = (user: string, ...options: string[]): string => {
    const { port } = machine.target;
    const given = ["-i", otherKey(), "-p", String(port), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
    const trust = [
      "-F",
      "/dev/null",
      "-o",
      "StrictHostKeyChecking=no",
      "-o",
      "UserKnownHostsFile=/dev/null",
      "-o",
      "LogLevel=ERROR",
    ];
    const { stdout, stderr } = spawnSync("ssh", [...trust, ...given, ...options, `${user}@127.0.0.1`, "id -un"], {
      encoding: "utf8",
      env: { ...process.env, SSH_AUTH_SOCK: "" },
    });
    return `${stdout}${stderr}`.trim();
  };

  test("is everybody whom an image, IAM or a backdoor lets in, before provisioning", () => {
    const key = readFileSync(`${otherKey()}.pub`, "utf8").trim();
    machine.root(`useradd --create-home eve
for home in /root /home/eve; do mkdir -p $home/.ssh; echo '${key}' > $home/.ssh/authorized_keys; done
chown -R eve: /home/eve/.ssh
# As EC2 Instance Connect does it.
printf '#!/bin/sh\necho "${key}"\n' > /usr/local/bin/keys; chmod 755 /usr/local/bin/keys
printf '[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o "AuthorizedKeysCommand /usr/local/bin/keys" -o "AuthorizedKeysCommandUser nobody"\n' > /etc/systemd/system/ssh.service.d/ec2-instance-connect.conf
systemctl daemon-reload; systemctl restart ssh.service`);
    expect(["ubuntu", "eve"].map((user) => ssh(user))).toEqual(["ubuntu", "eve"]);
  });

  test("is exactly the operators afterwards; the others are shown, and a second plan is empty", async () => {
    const [step] = (await plan()).plan;
    expect(step!.actions.map(({ summary }) => summary)).toEqual([
      "let only the operators log in",
      "remove the SSH keys of root, eve",
    ]);
    await provision();
    for (const user of ["ubuntu", "eve", "root"]) expect(ssh(user)).toMatch(/Permission denied \(publickey\)/);
    expect(ssh("ubuntu", "-o", "PreferredAuthentications=password")).toMatch(/Permission denied \(publickey\)/);
    expect(machine.root(`cat ${KEYS}`)).toBe(`${publicKey()}\n`);
    expect((await plan()).plan).toEqual([]);
    (await machine.connect()).close();
  });

  test("gets no agent and no way back to the host, but a way to Airflow", async () => {
    const settings = machine.root("sshd -T");
    for (const line of ["allowagentforwarding no", "allowtcpforwarding local", "maxauthtries 4", "permitrootlogin no"])
      expect(settings).toContain(`\n${line}\n`);
  });

  test.each<[what: string, file: string, text: string, message: RegExp]>([
    ["settings that let nobody in", "10-local", "DenyUsers ubuntu", /do not let ubuntu in: .*Permission denied/s],
    [
      "a file that lets somebody else in",
      "00-a",
      "AllowUsers eve",
      /other files of \/etc\/ssh set what \S+ sets:\n +allowusers eve\n/,
    ],
    ["settings that sshd refuses", "10-local", "Nonsense yes", /sshd refuses its new settings: .*Nonsense/s],
  ])("stays as it was where a new login fails: %s", async (_what, file, text, message) => {
    const config = `/etc/ssh/sshd_config.d/${file}.conf`;
    machine.root(`printf '%s\n' '${text}' > ${config}`);
    const before = state();
    await expect(provision(readFileSync(`${otherKey()}.pub`, "utf8").trim())).rejects.toThrow(message);
    expect(state()).toBe(before);
    (await machine.connect()).close();
    machine.root(`rm ${config}`);
  });

  test("ssh-audit finds no fault in it", () => {
    const program = join(PYTHON, "ssh-audit");
    if (!existsSync(program)) throw new Error("ssh-audit is not installed: make python");
    // sshd forgets whom it turns away.
    machine.root("systemctl restart ssh.service");
    const { port } = machine.target;
    const { stdout } = spawnSync(program, ["-n", "-p", String(port), "127.0.0.1"], {
      encoding: "utf8",
    });
    expect(stdout).toMatch(/\(key\) ssh-ed25519/);
    expect(stdout).not.toContain("[fail]");
  });
});

test("the host's own security updates: each night, from no other source, without Docker's; a second plan is empty", async () => {
  const plan = () => planHost(context, host, [updates], wantedOf());
  await change(host, install([UPDATES_PACKAGE], sh`true`));
  await changeHost(context, host, await plan(), ANN);
  expect((await plan()).plan).toEqual([]);
  const said = machine.root(
    "unattended-upgrade --dry-run --debug 2>&1; apt-config dump APT::Periodic; systemctl is-enabled apt-daily-upgrade.timer",
  );
  expect(said).toMatch(
    /Allowed origins are: origin=Debian,codename=trixie-security,label=Debian-Security, origin=Ubuntu,archive=trixie-security\n/,
  );
  expect(said).toMatch(/Initial blacklist: \^docker \^containerd \^runc\$/);
  expect(said).toMatch(/APT::Periodic::Unattended-Upgrade "1";[^]*\nenabled\n/);
});
