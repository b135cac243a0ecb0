import { cloudInitNote } from "../../provision/first-boot";
import { MountFacts, devicePath, mount } from "../../provision/steps/mount";

const GIB = 1024 ** 3;
const VOLUME = { volumeId: "vol-0123456789abcdef0" };
const LISTED = "UUID=0a /srv/airflow ext4 defaults,nofail,x-systemd.device-timeout=30s 0 2\n";
const ext4 = new Map([["TYPE", "ext4"]].concat([["UUID", "0a"]]) as [string, string][]);

/** A volume that is mounted as it should be. */
const settled: MountFacts = {
  device: "/dev/nvme1n1",
  found: ext4,
  mounted: "/dev/nvme1n1",
  entry: "postgres",
  fstab: `UUID=ff / ext4 defaults 0 1\n${LISTED}`,
  deviceSize: 40 * GIB,
  filesystemSize: 40 * GIB,
};
const fresh = { ...settled, found: new Map(), mounted: "", entry: "", fstab: "", filesystemSize: 0 };
const FORMAT = "make an ext4 filesystem on the data volume";
const MOUNT = "mount the data volume at /srv/airflow";
const LIST = "mount the data volume at every boot";

test("the device is found by the volume's id", () => {
  expect(devicePath(VOLUME)).toBe("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0");
});

test.each<[string, Partial<MountFacts>, string[]]>([
  ["a mounted volume", settled, []],
  ["a new volume", fresh, [FORMAT, MOUNT]],
  ["a volume that holds data, on a new host", { ...fresh, found: ext4, filesystemSize: 40 * GIB }, [MOUNT]],
  ["a volume that is not mounted at the next boot", { ...settled, fstab: "" }, [LIST]],
  ["a line in fstab that is commented out", { ...settled, fstab: `# ${LISTED}` }, [LIST]],
  ["a line in fstab that may stop the boot", { ...settled, fstab: LISTED.replace("nofail,", "") }, [LIST]],
  ["a line in fstab of another filesystem", { ...settled, fstab: LISTED.replace("0a", "0b") }, [LIST]],
  [
    "a volume that was made larger",
    { ...settled, deviceSize: 50 * GIB },
    ["let the filesystem fill " + VOLUME.volumeId],
  ],
])("%s", (_what, facts, summaries) => {
  const actions = mount.plan(VOLUME, { ...settled, ...facts } as MountFacts);
  expect(actions.map(({ summary }) => summary)).toEqual(summaries);
});

test.each<[string, Partial<MountFacts>, RegExp]>([
  ["is not attached", { device: "" }, /vol-0123456789abcdef0 is not attached/],
  ["holds xfs", { found: new Map([["TYPE", "xfs"]]) }, /holds xfs, not the ext4/],
  ["is part of LVM", { found: new Map([["TYPE", "LVM2_member"]]) }, /holds LVM2_member/],
  ["has partitions", { found: new Map([["PTTYPE", "gpt"]]) }, /holds a gpt partition table/],
  ["holds what blkid knows only by half", { found: new Map([["USAGE", "crypto"]]) }, /holds something/],
  ["would hide files", { ...fresh, entry: "postgres" }, /is not empty \(postgres\)/],
  ["is not the one that is mounted", { mounted: "/dev/nvme2n1" }, /\/dev\/nvme2n1 is mounted at \/srv\/airflow/],
])("nothing is planned where the volume %s", (_what, facts, message) => {
  expect(() => mount.plan(VOLUME, { ...settled, ...facts } as MountFacts)).toThrow(message);
});

test.each([
  [{ code: 2, stdout: "" }, 0],
  [{ code: 0, stdout: "DEVNAME=/dev/x\nTYPE=ext4\nUUID=0a\n" }, 2],
  [{ code: 8, stdout: "" }, 1],
  [{ code: 4, stdout: "" }, 1],
  [{ code: 127, stdout: "" }, 1],
])("only blkid's exit code 2 says that a disk is empty: %j", (result, size) => {
  const { found } = mount.facts(VOLUME);
  expect(found.parse({ ...result, stderr: "" }).size).toBe(size);
});

const LONG = `status: error\nextended_status: error - done\ndetail:\nDataSourceEc2Local\nerrors:\n  - ('scripts_user', RuntimeError('x'))\nrecoverable_errors: {}\n`;
test.each<[number, string, string | undefined]>([
  [0, "", undefined],
  [
    2,
    LONG,
    `cloud-init recovered from errors: ('scripts_user', RuntimeError('x')) (run make ssh CMD="cloud-init status --long")`,
  ],
])("cloud-init's exit code %d lets provisioning go on", (code, long, note) => {
  expect(cloudInitNote(code, long)).toBe(note);
});

test.each<[number, RegExp]>([
  [1, /^cloud-init failed on the host: its first boot is not complete: \('scripts_user'/],
  [124, /^cloud-init has not ended after 600 s$/],
  [137, /^cloud-init failed/],
])("cloud-init's exit code %d stops provisioning", (code, message) => {
  expect(() => cloudInitNote(code, LONG)).toThrow(message);
});
