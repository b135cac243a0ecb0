import { Fact } from "../../provision/change/fact";
import { readRaw } from "../../provision/change/read-facts";
import { ConnectedHost } from "../../provision/link/ssh-host";
import { finishInterrupted, installedOf, isDpkgBroken } from "../../provision/steps/apt";
import { change } from "../support/plans";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";

jest.setTimeout(120_000);

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
