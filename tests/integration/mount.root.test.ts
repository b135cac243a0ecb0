import { ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fact } from "../../provision/change/fact";
import { MountFacts, devicePath, mount } from "../../provision/steps/mount";
import { until } from "../support/capture";

// A real block device, and a mount namespace in which /etc, /srv and /dev/disk are a test's own.
const root = mkdtempSync(join(tmpdir(), "mount-"));
const disk = join(root, "disk");
const MIB = 1024 ** 2;
/** A boot record with one Linux partition: sfdisk is not everywhere. */
const PARTITION =
  "printf '\\000\\000\\000\\203\\000\\000\\000\\001\\000\\000\\000\\000\\001\\000\\000' | dd conv=notrunc bs=1 seek=447 status=none of=$1; printf '\\125\\252' | dd conv=notrunc bs=1 seek=510 status=none of=$1; :";
const VOLUME = { volumeId: "vol-0abc" };
let loop: string;
let room: ChildProcess;

beforeAll(async () => {
  writeFileSync(disk, "");
  truncateSync(disk, 64 * MIB);
  loop = execFileSync("losetup", ["--find", "--show", disk], { encoding: "utf8" }).trim();
  const script = `cp -a /etc ${root}/etc && : > ${root}/etc/fstab
mount --bind ${root}/etc /etc && mount -t tmpfs none /srv && mkdir -p /dev/disk && mount -t tmpfs none /dev/disk
mkdir /dev/disk/by-id && ln -s ${loop} ${devicePath(VOLUME)} && touch ${root}/ready && exec sleep 600`;
  room = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script], { stdio: "inherit" });
  await until(() => spawnSync("test", ["-e", join(root, "ready")]).status === 0);
});
afterAll(async () => {
  room?.kill("SIGKILL");
  await until(() => spawnSync("losetup", ["--detach", loop]).status === 0);
  rmSync(root, { recursive: true, force: true });
});

function inside(script: string) {
  const args = ["--mount", "--target", String(room.pid), "sh", "-e", "-c", script];
  const { status, stdout, stderr } = spawnSync("nsenter", args, { encoding: "utf8" });
  return { code: status ?? -1, stdout, stderr };
}

function plan() {
  const facts = Object.entries(mount.facts(VOLUME)).map(([name, fact]) => {
    const { command, parse } = fact as Fact<unknown>;
    return [name, parse(inside(command.text))];
  });
  return mount.plan(VOLUME, Object.fromEntries(facts) as MountFacts);
}

function apply(): string[] {
  return plan().map(({ summary, command }) => {
    const { code, stderr } = inside(command.text);
    if (code !== 0) throw new Error(`${summary}: ${code} ${stderr}`);
    return summary;
  });
}

test("an empty volume is formatted and mounted, once", () => {
  expect(apply()).toEqual(["make an ext4 filesystem on the data volume", "mount the data volume at /srv/airflow"]);
  expect(inside("findmnt -n -o SOURCE,FSTYPE /srv/airflow").stdout).toMatch(new RegExp(`^${loop}\\s+ext4$`, "m"));
  expect(inside("cat /etc/fstab").stdout).toMatch(/^UUID=[-0-9a-f]{36} \/srv\/airflow ext4 defaults,nofail,\S+ 0 2\n$/);
  inside("echo kept > /srv/airflow/note");
  expect(plan()).toEqual([]);
});

test("what tasks write cannot fill the volume to the last block: Postgres goes on", () => {
  inside("chmod 777 /srv/airflow");
  const write = (uid: number, file: string, count: string) =>
    inside(
      `setpriv --reuid=${uid} --clear-groups --inh-caps=-all dd if=/dev/zero of=/srv/airflow/${file} bs=64k ${count} conv=fsync`,
    );
  expect(write(50000, "log", "")).toMatchObject({ code: 1, stderr: expect.stringMatching(/No space left/) });
  expect(write(50000, "other-log", "count=4").code).toBe(1);
  expect(write(999, "wal", "count=4").code).toBe(0);
  inside("rm /srv/airflow/*log /srv/airflow/wal && chmod 755 /srv/airflow");
});

test("a filesystem that is there is mounted and never formatted", () => {
  inside("umount /srv/airflow");
  expect(apply()).toEqual(["mount the data volume at /srv/airflow"]);
  expect(inside("cat /srv/airflow/note").stdout).toBe("kept\n");
  expect(inside("grep -c . /etc/fstab").stdout).toBe("1\n");
});

test("formatting looks once more, and leaves what has come meanwhile", () => {
  const empty: MountFacts = {
    device: loop,
    found: new Map(),
    mounted: "",
    entry: "",
    fstab: "",
    deviceSize: 1,
    filesystemSize: 0,
  };
  const [format] = mount.plan(VOLUME, empty);
  inside("umount /srv/airflow");
  expect(inside(format!.command.text)).toMatchObject({ code: 1, stderr: "the data volume is not empty any more\n" });
  apply();
  expect(inside("cat /srv/airflow/note").stdout).toBe("kept\n");
});

test("a volume that was made larger is filled", () => {
  truncateSync(disk, 128 * MIB);
  inside(`losetup --set-capacity ${loop}`);
  const [grow] = plan();
  expect(grow).toMatchObject({
    summary: "let the filesystem fill vol-0abc",
    detail: expect.stringMatching(/→ 128.0 MiB/),
  });
  // While it is mounted this needs CAP_SYS_RESOURCE, which a machine for tests may lack.
  inside(`umount /srv/airflow && e2fsck -fp ${loop}`);
  expect(inside(grow!.command.text).code).toBe(0);
  apply();
  expect(Number(inside("df --output=size -B1 /srv/airflow | tail -n 1").stdout)).toBeGreaterThan(100 * MIB);
  expect(plan()).toEqual([]);
});

test.each([
  ["swap", "mkswap"],
  ["a dos partition table", PARTITION],
])("a volume that holds %s stays as it is", (what, make) => {
  inside("umount /srv/airflow 2> /dev/null || true");
  inside(`wipefs -qa ${loop}; set -- ${loop}; ${make} ${loop} > /dev/null`);
  const before = inside(`sha256sum ${loop}`).stdout;
  expect(() => plan()).toThrow(`holds ${what}`);
  expect(inside(`sha256sum ${loop}`).stdout).toBe(before);
});
