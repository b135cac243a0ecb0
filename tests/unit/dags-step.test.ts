import type { DagRelease } from "../../provision/release/dag-release";
import { clock } from "../../provision/steps/clock";
import { dags } from "../../provision/steps/dags";

const release: DagRelease = { digest: "0123456789abcdef", files: [{ path: "a.py", content: "x", sha256: "s" }] };
const facts = {
  isProvisioned: true,
  isOpen: true,
  current: release.digest,
  awaited: undefined,
  found: new Map([["a.py", "s"]]),
};
const summaries = (change: object): string[] =>
  dags.plan(release, { ...facts, ...change }).map(({ summary }) => summary);

test("a release that runs needs nothing", () => expect(summaries({})).toEqual([]));
test("one that Airflow has not shown is waited for by the next push, too", () =>
  expect(summaries({ awaited: release.digest })).toEqual([
    "wait until Airflow shows the new version",
    "remove old DAG releases",
  ]));
test("that another one was waited for does not matter", () => expect(summaries({ awaited: "another" })).toEqual([]));
test("what is waited for is written down before the switch, and forgotten after the wait", () => {
  const commands = dags.plan(release, { ...facts, current: "another" }).map(({ command }) => command.text);
  const [switching, waiting] = ["mv -T", "until "].map((part) => commands.find((text) => text.includes(part))!);
  expect(switching).toMatch(/echo 0123456789abcdef > \/srv\/airflow\/dags\/awaited\n(.*\n)*mv -T/);
  expect(waiting).toMatch(/\ndone\nrm -f \/srv\/airflow\/dags\/awaited$/);
});

test.each([
  [1_800_000_029.608999967575073, "its clock differs from this machine's by 30 s"],
  [1_799_999_991, "its clock differs from this machine's by 9 s"],
])("a host whose clock says %d is refused before DAGs are pushed", (theirs, problem) =>
  expect(() => clock.plan({ clock: 1_800_000_000 }, { theirs })).toThrow(problem),
);
test("five seconds are no difference", () =>
  expect(clock.plan({ clock: 1_800_000_000 }, { theirs: 1_800_000_004.9 })).toEqual([]));

test("a release that the check refuses goes again only if it was not there before: runs may still use it", () => {
  const checkOf = (found: ReadonlyMap<string, string>): string =>
    dags.plan(release, { ...facts, current: "another", found }).find(({ summary }) => summary.startsWith("check "))!
      .command.text;
  expect(checkOf(new Map())).toContain("rm -rf /srv/airflow/dags/releases/0123456789abcdef");
  expect(checkOf(facts.found)).not.toContain("rm -rf");
  expect(checkOf(new Map([["a.py", "damaged"]]))).not.toContain("rm -rf");
});
