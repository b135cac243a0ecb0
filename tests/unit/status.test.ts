import { UserError } from "../../provision/base/errors";
import type { AirflowStatus } from "../../provision/page/airflow-status";
import { HostStatus, parseDisks, parseServices } from "../../provision/page/host-status";
import { age } from "../../provision/base/text";
import { statusPage } from "../../provision/page/status-page";

const NOW = Date.parse("2026-03-01T12:00:00Z") / 1000;
const SERVICES = ["postgres", "api-server", "scheduler", "dag-processor", "triggerer"];

const host: HostStatus = {
  running: undefined,
  previous: {
    about: {
      id: "1",
      verb: "provision",
      operator: "ada@home",
      since: "2026-03-01T11:00:00.000Z",
      actions: ["write x"],
    },
    outcome: { kind: "done" },
  },
  release: "0123456789abcdef",
  dagRelease: "fedcba9876543210",
  system: "Debian GNU/Linux 13 (trixie)",
  clock: NOW,
  uptime: 7300,
  hasData: true,
  docker: "active",
  services: SERVICES.map((service) => ({
    service,
    state: "running",
    health: "healthy",
    since: "2026-03-01T11:00:00Z",
    restarts: 0,
  })),
  imagesDate: "2026-02-20",
  disks: [{ paths: ["/", "/srv/airflow"], size: 100 * 2 ** 30, free: 40 * 2 ** 30 }],
  memory: { total: 8 * 2 ** 30, available: 4 * 2 ** 30 },
  taskRole: undefined,
  rebootReason: undefined,
  taskRoleFailed: false,
  backup: { name: "20260228T000000Z-1", made: NOW - 86_400, bytes: 2_000_000 },
};
const airflow: AirflowStatus = { version: "3.3.2", unhealthy: [], active: 2, paused: 1, importErrors: [], failed: [] };

test("a deployment that is well has neither problems nor warnings", () => {
  const page = statusPage(host, airflow, NOW);
  expect(page.lines.join("\n")).toMatchInlineSnapshot(`
   "host          Debian GNU/Linux 13 (trixie), up for 2 hours
   release       0123456789abcdef, images of 2026-02-20
   DAG release   fedcba9876543210
   Airflow       3.3.2, all heartbeats healthy
   DAGs          2 active, 1 paused
   postgres      healthy for 60 min
   api-server    healthy for 60 min
   scheduler     healthy for 60 min
   dag-processor healthy for 60 min
   triggerer     healthy for 60 min
   disk          40.0 GiB of 100.0 GiB free (/, /srv/airflow)
   memory        4.0 GiB of 8.0 GiB available
   last change   provision by ada@home since 2026-03-01T11:00:00Z: done
   last backup   24 hours ago, 1.9 MiB (20260228T000000Z-1)"
  `);
  expect([page.problems, page.warnings]).toEqual([[], []]);
});

test.each<[what: string, host: Partial<HostStatus>, airflow: AirflowStatus | Error, problems: string[]]>([
  ["no data volume", { hasData: false }, airflow, ["the data volume is not mounted at /srv/airflow"]],
  ["Docker down", { docker: "inactive" }, airflow, ["Docker is not running"]],
  ["a clock that is wrong", { clock: NOW - 8 }, airflow, ["the host's clock differs from this machine's by 8 s"]],
  [
    "a full disk",
    { disks: [{ paths: ["/"], size: 100, free: 4 }] },
    airflow,
    ["the disk of / is nearly full: 4 B are free"],
  ],
  ["no memory", { memory: { total: 1000, available: 10 } }, airflow, ["only 10 B of memory are available"]],
  [
    "a role of DAGs that nobody renews",
    { taskRole: -5 },
    airflow,
    ["the credentials of DAGs' role in AWS ran out: see journalctl --unit airflow-task-role.service on the host"],
  ],
  [
    "a role of DAGs that refuses",
    { taskRole: 1200, taskRoleFailed: true },
    airflow,
    ["the host could not assume DAGs' role in AWS: see journalctl --unit airflow-task-role.service on the host"],
  ],
  ["a heartbeat missing", {}, { ...airflow, unhealthy: ["triggerer"] }, ["triggerer is not healthy"]],
  ["Airflow down", {}, new UserError("nothing answers"), ["Airflow does not answer"]],
  [
    "services in each bad state",
    {
      services: [
        { ...host.services[0]!, health: "unhealthy" },
        { ...host.services[1]!, state: "restarting", health: "" },
        { ...host.services[2]!, health: "starting", restarts: 3 },
        { ...host.services[3]!, state: "exited", health: "" },
      ],
    },
    airflow,
    [
      "postgres is unhealthy",
      "api-server is restarting",
      "scheduler is starting",
      "dag-processor has exited",
      "triggerer has no container",
    ],
  ],
])("%s is a problem", (_what, change, airflow, problems) =>
  expect(statusPage({ ...host, ...change }, airflow, NOW).problems).toEqual(problems),
);

test.each([
  ["active", undefined],
  ["inactive", "Docker is not running"],
  ["failed", "Docker has failed: see journalctl --unit docker.service on the host"],
  ["activating", "Docker is starting"],
  ["deactivating", "Docker is stopping"],
  ["reloading", 'Docker is in the state "reloading"'],
  [undefined, "Docker is not installed"],
])("Docker's state %s is told as: %s", (docker, problem) =>
  expect(statusPage({ ...host, docker }, airflow, NOW).problems).toEqual(problem ? [problem] : []),
);

test.each([
  [0, "healthy for 60 min"],
  [1, "healthy for 60 min, restarted once"],
  [3, "healthy for 60 min, restarted 3 times"],
])("a service after %d restarts is told as: %s", (restarts, shown) => {
  const services = [{ ...host.services[0]!, restarts }, ...host.services.slice(1)];
  expect(statusPage({ ...host, services }, airflow, NOW).lines).toContain(`postgres      ${shown}`);
});

test("a service that is starting for the first time is no problem yet: Airflow's heartbeats are what counts", () => {
  const services = host.services.map((service) => ({ ...service, health: "starting", restarts: 2 }));
  const page = statusPage({ ...host, services }, airflow, NOW);
  expect(page.problems).toEqual([]);
  expect(page.warnings[0]).toBe("postgres is starting: run make status again in a minute");
});

test("a role of DAGs is shown with the time that its credentials have left", () => {
  const shown = (taskRole: number) =>
    statusPage({ ...host, taskRole }, airflow, NOW).lines.find((line) => line.startsWith("DAGs'"));
  expect(shown(3300)).toBe("DAGs' role    credentials for another 55 min");
  expect(shown(-7200)).toBe("DAGs' role    credentials ran out 2 hours ago");
});

test.each<[what: string, host: Partial<HostStatus>, airflow: AirflowStatus, warning: string | RegExp]>([
  [
    "a kernel that waits for a reboot",
    { rebootReason: "kernel 6.12.2 is installed, 6.12.1 runs" },
    airflow,
    "updates of the host wait for a reboot (kernel 6.12.2 is installed, 6.12.1 runs): run make reboot",
  ],
  ["old images", { imagesDate: "2026-01-01" }, airflow, /^the images are 59 days old/],
  ["no backup", { backup: undefined }, airflow, "there is no backup: run make backup"],
  [
    "an old backup",
    { backup: { ...host.backup!, made: NOW - 10 * 86_400 } },
    airflow,
    "the last backup is 10 days old: run make backup",
  ],
  [
    "a change that failed",
    { previous: { ...host.previous!, outcome: { kind: "failed", at: 0 } } },
    airflow,
    'the previous change (provision by ada@home since 2026-03-01T11:00:00Z) failed at "write x"',
  ],
  [
    "a DAG that cannot be imported",
    {},
    { ...airflow, importErrors: [{ filename: "a.py", stack_trace: "Traceback\nNameError: x\n" }] },
    "a.py cannot be imported: NameError: x",
  ],
])("%s is a warning, not a failure", (_what, change, airflow, warning) => {
  const page = statusPage({ ...host, ...change }, airflow, NOW);
  expect(page.warnings).toHaveLength(1);
  expect(page.warnings[0]).toMatch(warning);
  expect(page.problems).toEqual([]);
});

test("a host with nothing on it has a page, too", () => {
  const bare: HostStatus = {
    ...host,
    previous: undefined,
    release: undefined,
    dagRelease: undefined,
    docker: undefined,
    services: [],
    imagesDate: undefined,
    backup: undefined,
  };
  const { lines, problems } = statusPage(bare, new UserError("there are no secrets yet"), NOW);
  expect(lines.join("\n")).toMatch(/^release +none.*^last change +none/ms);
  expect(problems).toContain("Docker is not installed");
});

test("docker inspect's lines: with and without a health check", () => {
  expect(
    parseServices("scheduler running 2026-01-01T00:00:00Z 2 healthy\nmigrate exited 2026-01-01T00:00:00Z 0 \n"),
  ).toEqual([
    { service: "scheduler", state: "running", since: "2026-01-01T00:00:00Z", restarts: 2, health: "healthy" },
    { service: "migrate", state: "exited", since: "2026-01-01T00:00:00Z", restarts: 0, health: "" },
  ]);
});

test("df's lines: one entry a disk", () => {
  const df = "Mounted on 1B-blocks Avail\n/ 100 40\n/srv/airflow 50 20\n/ 100 40\n/var/lib/docker 50 20\n";
  expect(parseDisks(df)).toEqual([
    { paths: ["/"], size: 100, free: 40 },
    { paths: ["/srv/airflow", "/var/lib/docker"], size: 50, free: 20 },
  ]);
});

test.each([
  [0, "0 s"],
  [-3, "0 s"],
  [119, "119 s"],
  [600, "10 min"],
  [7200, "2 hours"],
  [86_400 * 2, "2 days"],
])("%d s are %s", (seconds, text) => expect(age(seconds)).toBe(text));

test("a change that still runs is not called interrupted", () => {
  const previous = { ...host.previous!, outcome: { kind: "interrupted" as const } };
  const page = statusPage({ ...host, previous, running: "provision by ada since now" }, airflow, NOW);
  expect(page.warnings).toEqual([]);
  expect(page.lines.join("\n")).toMatch(/^last change +provision by ada since now, still running$/m);
  expect(statusPage({ ...host, previous }, airflow, NOW).warnings).toEqual([expect.stringMatching(/was interrupted/)]);
});
