import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../../provision/base/errors";
import { ROOT } from "../../provision/deployment/paths";
import { taskRole as taskRoleOf } from "../../provision/release/make-wanted";
import type { Action, Step } from "../../provision/change/planning";
import { makeRelease } from "../../provision/release/release";
import { steps } from "../../provision/steps";
import { access } from "../../provision/steps/access";
import { data } from "../../provision/steps/data";
import { database } from "../../provision/steps/database";
import { docker, overlap } from "../../provision/steps/docker";
import { firewall } from "../../provision/steps/firewall";
import { identity } from "../../provision/steps/identity";
import { images } from "../../provision/steps/images";
import { migrate, schemaOf } from "../../provision/steps/migrate";
import { preflight } from "../../provision/steps/preflight";
import { release } from "../../provision/steps/release";
import { retire } from "../../provision/steps/retire";
import { secrets } from "../../provision/steps/secrets";
import { services } from "../../provision/steps/services";
import { SSHD_UNIT_TEXT, sshdSettings, sshdText } from "../../provision/steps/sshd";
import { shutdown } from "../../provision/steps/shutdown";
import { retireTaskRole, taskRole } from "../../provision/steps/task-role";
import { updates } from "../../provision/steps/updates";
import { SERVICES, Wanted } from "../../provision/release/wanted";
import { SECRET_VALUES, wantedOf } from "../support/wanted";

/** What a fact's command printed. */
type Answer = string | { readonly code: number; readonly stdout?: string };
type Answers = Record<string, Answer>;

const GIB = 1024 ** 3;
const wanted = wantedOf();
const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");
const fails = { code: 1 };

/** A step's actions on a host that answers its facts like this, through the facts' own parsers. */
function actions<T extends object>(step: Step<Wanted, T>, answers: Answers, want = wanted): Action[] {
  const facts = Object.entries<any>(step.facts(want));
  const unknown = Object.keys(answers).filter((name) => !facts.some(([fact]) => fact === name));
  if (unknown.length > 0) throw new Error(`${step.name} has no facts ${unknown.join(", ")}`);
  const known = facts.map(([name, fact]) => {
    const answer = answers[name] ?? fails;
    const result = typeof answer === "string" ? { code: 0, stdout: answer } : { stdout: "", ...answer };
    return [name, fact.parse({ ...result, stderr: "" })];
  });
  return step.plan(want, Object.fromEntries(known) as T);
}
const summaries = (...args: Parameters<typeof actions>): string[] => actions(...args).map(({ summary }) => summary);
const detail = (...args: Parameters<typeof actions>): string => actions(...args)[0]!.detail!;

/** Nothing at all is on the host: every command fails. */
const bare: Record<string, Answers> = Object.fromEntries(steps.map(({ name }) => [name, {}]));

const DAEMON = JSON.stringify(
  {
    bip: "10.213.255.1/24",
    "default-address-pools": [{ base: "10.213.0.0/16", size: 24 }],
    mtu: 1400,
    "default-network-opts": { bridge: { "com.docker.network.driver.mtu": "1400" } },
    "live-restore": true,
    "log-driver": "json-file",
    "log-opts": { "max-size": "20m", "max-file": "3" },
  },
  null,
  2,
);
const PACKAGES = [
  ...["docker.io", "docker-cli", "docker-compose", "docker-buildx", "mmdebstrap", "curl", "unattended-upgrades"],
];
const packages = (...names: string[]): string => names.map((name) => `${name} ii \n`).join("");
const ROUTES = "1400\n10.0.0.0/24 dev eth0 scope link\n172.17.0.0/16 dev eth0\n";
const DROP_IN = actions(docker, { os: "debian", route: ROUTES, daemon: `${DAEMON}\n` }).find(({ summary }) =>
  summary.includes("docker.service.d"),
)!.stdin!;

const made = SERVICES.map((service) => `airflow-${service}-1 ${service} hash-${service}\n`).join("");
const states = SERVICES.map((service) => `airflow-${service}-1 running Up 2 hours (healthy)\n`).join("");
/** The services' states, but for one of them. */
const stateOf = (service: string, state: string): Answers => ({
  states: states.replace(`airflow-${service}-1 running Up 2 hours (healthy)`, `airflow-${service}-1 ${state}`),
});
const hashOf = (...services: string[]): Answers => ({
  made: services.reduce((text, service) => text.replace(`hash-${service}\n`, "other\n"), made),
});
const compose = wanted.release.files.find(({ path }) => path === "compose.yaml")!.content.toString();
const DIRECTORIES = `/srv/airflow 0:0 755
/srv/airflow/postgres 999:999 700
/srv/airflow/logs 50000:0 775
/srv/airflow/backups 0:0 700
/srv/airflow/changes 0:0 700
/srv/airflow/releases 0:0 755
/srv/airflow/dags 0:0 755
/srv/airflow/dags/releases 0:0 755
/opt/airflow/secrets 0:0 750
`;

const DRAIN_UNIT = `# Written by airflow-deployment.
[Unit]
Description=Let Airflow's tasks end before the host goes down
After=docker.service network-online.target
RequiresMountsFor=/srv/airflow

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=-/usr/bin/docker compose --project-name airflow --project-directory /srv/airflow/current --file /srv/airflow/current/compose.yaml stop
TimeoutStopSec=720

[Install]
WantedBy=multi-user.target
`;

const UPDATES = actions(updates, {}).flatMap(({ stdin }) => stdin ?? []);
const FIREWALL = actions(firewall, {})[0]!.stdin!;
/** As the kernel has them, said by `iptables -S`. */
const FIREWALL_RULES = `-A INPUT -j AIRFLOW-INPUT
-N AIRFLOW-INPUT
-A AIRFLOW-INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A AIRFLOW-INPUT -i docker0 -j DROP
-A AIRFLOW-INPUT -i br-+ -j DROP
`;
const ALGORITHMS =
  "sntrup761x25519-sha512@openssh.com\ncurve25519-sha256\naes128-ctr\nhmac-sha2-256-etm@openssh.com\nhmac-sha1\n";
const SSHD_SETTINGS = sshdSettings("ubuntu", new Set(ALGORITHMS.split("\n")));
const SSHD_CONFIG = sshdText(SSHD_SETTINGS);
/** As `sshd -T` says it. */
const SSHD_EFFECTIVE = SSHD_CONFIG.split("\n")
  .filter((line) => line && !/^(#|HostKey |PermitRootLogin)/.test(line))
  .map((line) => `${line.replace(/^\S+/, (name) => name.toLowerCase())}\n`)
  .join("");
const sha256sOf = (group: number): string =>
  [...wanted.secretFiles].map(([name, value]) => `${name} ${sha256(value)} 0:${group} 440\n`).join("");
const ACCESS = actions(database, {}).filter(({ stdin }) => stdin?.startsWith("# Written by"));
const [IDENT, HBA] = ["pg_ident.conf", "pg_hba.conf"].map(
  (name) => ACCESS.find(({ summary }) => summary.endsWith(name))!.stdin!,
) as [string, string];
const [LOGIN] = wanted.databaseLogins;
const ROLES = `airflow|t|t|t|\nairflow_a|t|t|t|${sha256(LOGIN!.verifier!)}\nairflow_b|t|t|t|\n`;

/** A host that lacks nothing. */
const settled: Record<string, Answers> = {
  preflight: {
    os: "debian 13\n",
    cores: "2\n",
    memory: String(8 * GIB),
    disk: `Mounted Avail\n/ ${20 * GIB}\n/srv/airflow ${20 * GIB}\n`,
    clock: "1800000003\n",
    isMounted: "",
    isSettled: "",
  },
  identity: {
    identity: `${JSON.stringify(wanted.identity)}\n`,
    hasDatabase: "/srv/airflow/postgres/17/PG_VERSION\n",
    mayInitialize: "1\n",
  },
  access: {
    authorizedKeys: "ssh-ed25519 AAAA ann\n",
    config: SSHD_CONFIG,
    unit: SSHD_UNIT_TEXT,
    algorithms: ALGORITHMS,
    effective: SSHD_EFFECTIVE,
    others: "",
  },
  firewall: { text: FIREWALL, rules: `${FIREWALL_RULES}.\n${FIREWALL_RULES}.\n`, isDockerActive: "active\n" },
  docker: {
    os: "debian\n",
    installed: packages(...PACKAGES),
    isDpkgBroken: "",
    route: ROUTES,
    daemon: `${DAEMON}\n`,
    dropIn: DROP_IN,
    isActive: "active\n",
  },
  data: { found: DIRECTORIES },
  release: { found: wanted.release.files.map(({ path, sha256 }) => `${sha256}  ./${path}\n`).join(""), running: "" },
  images: {
    found: Object.values(wanted.images)
      .map((name) => `${name} sha256:1\n`)
      .join(""),
  },
  database: { hba: HBA, ident: IDENT, roles: ROLES },
  secrets: { found: sha256sOf(50001) },
  "task-role": { found: "-\n-\n-\n-\n" },
  migrate: {
    migrated: `${wanted.images.airflow} ${wanted.adminDigest} abc123 ${schemaOf(wanted)}\n`,
    revision: "abc123\n",
    newestBackup: "",
  },
  services: {
    made,
    states,
    hashes: SERVICES.map((service) => `${service} hash-${service}\n`).join(""),
    current: `releases/${wanted.release.digest}\n`,
    runningFile: compose,
    tasks: "",
    isHealthy: "",
  },
  retire: { found: sha256sOf(50001), hba: HBA },
  "retire-task-role": { isThere: "" },
  shutdown: { unit: DRAIN_UNIT, isEnabled: "enabled\nactive\n" },
  updates: { apt: UPDATES[0]!, needrestart: UPDATES[1]! },
};
/** Answers of every step have to be here: a new one fails until they are. */
test("the tables of this file have every step", () => {
  expect(Object.keys(settled)).toEqual(steps.map(({ name }) => name));
});

describe("on a settled host nothing is left to do", () => {
  test.each(steps.map((step) => [step.name, step] as const))("%s", (name, step) => {
    expect(actions(step, settled[name]!)).toEqual([]);
  });
});

describe("on a bare host everything is missing", () => {
  const digest = wanted.release.digest;
  const cases: [Step<Wanted, any>, Answers, string[]][] = [
    [identity, { mayInitialize: "1\n" }, ["make a place for a new database", "write /srv/airflow/identity.json"]],
    [access, {}, ["let only the operators log in"]],
    [
      docker,
      { os: "debian\n", route: ROUTES },
      [
        "write /etc/docker/daemon.json",
        "write /etc/systemd/system/docker.service.d/airflow.conf",
        `install ${PACKAGES.join(" ")}`,
      ],
    ],
    // Docker's first start runs it.
    [firewall, {}, ["write /usr/local/lib/airflow-deployment/firewall.sh"]],
    [data, {}, ["set owner and mode of 9 directories"]],
    [release, {}, [`unpack release ${digest}`]],
    [images, {}, ["build the base image from Debian's archive", "build the postgres and airflow images"]],
    [
      database,
      {},
      [
        "set the roles airflow, airflow_a, airflow_b of the database",
        "write /srv/airflow/postgres/17/pg_ident.conf",
        "write /srv/airflow/postgres/17/pg_hba.conf",
        "let Postgres read again who may connect",
      ],
    ],
    [retire, {}, []],
    [retireTaskRole, {}, []],
    [secrets, {}, [...wanted.secretFiles.keys()].map((name) => `write the secret ${name}`)],
    [migrate, {}, ["migrate the database"]],
    [
      services,
      {},
      [
        `switch to release ${digest}`,
        "start postgres, api-server, scheduler, dag-processor, triggerer",
        "wait for the heartbeats of all services",
        "remove old releases",
      ],
    ],
    [taskRole, { found: "-\n-\n-\n-\n" }, []],
    [
      updates,
      {},
      ["write /etc/apt/apt.conf.d/90airflow-deployment", "write /etc/needrestart/conf.d/airflow-deployment.conf"],
    ],
    [shutdown, {}, ["write /etc/systemd/system/airflow-drain.service", "start airflow-drain.service"]],
  ];
  test("every step is here, but for preflight, which refuses", () => {
    const names = cases.map(([{ name }]) => name);
    expect(new Set([...names, "preflight"])).toEqual(new Set(steps.map(({ name }) => name)));
  });
  test.each(cases.map(([step, ...rest]) => [step.name, step, ...rest] as const))(
    "%s",
    (_name, step, answers, expected) => {
      expect(summaries(step, answers)).toEqual(expected);
    },
  );
});

const roles = (name: string): string => `set the role ${name} of the database`;

describe("drift is mended, and nothing else", () => {
  const without = (text: string, line: RegExp): string => text.replace(line, "");
  const cases: [what: string, step: Step<Wanted, any>, drift: Answers, expected: string[]][] = [
    [
      "an operator too many",
      access,
      { authorizedKeys: "ssh-ed25519 AAAA ann\nssh-ed25519 EVIL eve\n" },
      ["let only the operators log in"],
    ],
    [
      "a file that sshd reads before ours, or another user who may log in",
      access,
      { effective: SSHD_EFFECTIVE.replace("allowusers ubuntu\n", "allowusers eve\nallowusers ubuntu\n") },
      ["let only the operators log in"],
    ],
    ["an edited unit of sshd", access, { unit: fails }, ["let only the operators log in"]],
    [
      "keys of other users",
      access,
      { others: "root /root/.ssh/authorized_keys\neve /home/eve/.ssh/authorized_keys2\n" },
      ["remove the SSH keys of root, eve"],
    ],
    [
      "a rule before the firewall's",
      firewall,
      { rules: `-A INPUT -j ACCEPT\n-N AIRFLOW-INPUT\n.\n${FIREWALL_RULES}.\n` },
      ["set the firewall between containers and the host"],
    ],
    ["a flushed firewall", firewall, { rules: `.\n.\n` }, ["set the firewall between containers and the host"]],
    ["a host without IPv6", firewall, { rules: `${FIREWALL_RULES}.\n` }, []],
    ["an edited daemon.json", docker, { daemon: `{"mtu":9000}` }, ["write /etc/docker/daemon.json", "restart docker"]],
    [
      "a missing drop-in",
      docker,
      { dropIn: fails },
      ["write /etc/systemd/system/docker.service.d/airflow.conf", "restart docker"],
    ],
    ["another MTU of the way out", docker, { route: "1500\n" }, ["write /etc/docker/daemon.json", "restart docker"]],
    ["a stopped docker", docker, { isActive: { code: 3, stdout: "inactive\n" } }, ["start docker"]],
    ["a removed package", docker, { installed: packages(...PACKAGES.slice(0, -1)) }, ["install unattended-upgrades"]],
    [
      "a half-installed package",
      docker,
      { installed: packages(...PACKAGES.slice(1)) + "docker.io iF\n", isDpkgBroken: "docker.io\n" },
      ["make dpkg finish what was interrupted", "install docker.io"],
    ],
    [
      "Docker's own packages, chosen by somebody",
      docker,
      { installed: packages("docker-ce", "mmdebstrap", "curl", "unattended-upgrades") },
      [],
    ],
    [
      "a directory of another owner",
      data,
      { found: DIRECTORIES.replace("50000:0", "0:0") },
      ["set owner and mode of /srv/airflow/logs"],
    ],
    [
      "a missing directory",
      data,
      { found: without(DIRECTORIES, /.*backups.*\n/) },
      ["set owner and mode of /srv/airflow/backups"],
    ],
    [
      "an edited file of the release",
      release,
      { found: (settled["release"]!["found"] as string).replace(/^\w{64}/, "0".repeat(64)) },
      [`unpack release ${wanted.release.digest}`],
    ],
    [
      "a strange file in the release",
      release,
      { found: `${settled["release"]!["found"] as string}${"0".repeat(64)}  ./x\n` },
      [`unpack release ${wanted.release.digest}`],
    ],
    [
      "a deleted Airflow image",
      images,
      { found: `${wanted.images.base} x\n${wanted.images.postgres} x\n` },
      ["build the airflow image"],
    ],
    [
      "a deleted Postgres image and base",
      images,
      { found: `${wanted.images.airflow} x\n` },
      ["build the base image from Debian's archive", "build the postgres image"],
    ],
    [
      "a deleted base that nothing needs",
      images,
      { found: `${wanted.images.airflow} x\n${wanted.images.postgres} x\n` },
      [],
    ],
    [
      "a secret that differs",
      secrets,
      { found: (settled["secrets"]!["found"] as string).replace(/^(admin_password) \w+/m, "$1 0") },
      ["write the secret admin_password"],
    ],
    [
      "a secret that everybody may read",
      secrets,
      { found: (settled["secrets"]!["found"] as string).replace(/^(jwt_secret \w+ 0:50001) 440/m, "$1 444") },
      ["write the secret jwt_secret"],
    ],
    [
      "a secret too many",
      retire,
      { found: `${sha256sOf(50001)}old ${"0".repeat(64)} 0:50001 440\n` },
      ["remove the secret old"],
    ],
    [
      "another password of the database",
      database,
      { roles: ROLES.replace(/(_a\|t\|t\|t\|)\w+/, "$1x") },
      [roles("airflow_a")],
    ],
    ["a role that may more than log in", database, { roles: ROLES.replace("_b|t", "_b|f") }, [roles("airflow_b")]],
    ["settings of the owner", database, { roles: ROLES.replace("airflow|t|t", "airflow|t|f") }, [roles("airflow")]],
    ["a password of the owner", database, { roles: ROLES.replace("airflow|t|t|t|", "$&x") }, [roles("airflow")]],
    [
      "another door to the database",
      database,
      { hba: `${HBA}host all all all trust\n` },
      ["write /srv/airflow/postgres/17/pg_hba.conf", "let Postgres read again who may connect"],
    ],
    [
      "doors that Postgres has not read",
      database,
      { roles: `${ROLES}pending\n` },
      ["let Postgres read again who may connect"],
    ],
    ["a database that does not answer, whose roles were made", database, { roles: fails }, []],
    ["another image than the database knows", migrate, { migrated: "x:1 y z" }, ["migrate the database"]],
    ["an image with another Airflow", migrate, { migrated: "x:1 y z 3.0.0+1.0.0" }, ["migrate the database"]],
    [
      "an image with the same Airflow",
      migrate,
      { migrated: `x:1 y abc123 ${schemaOf(wanted)}` },
      ["check the database with the new image"],
    ],
    [
      "an image with the same Airflow, and a migration that was interrupted",
      migrate,
      { migrated: `x:1 y older ${schemaOf(wanted)}` },
      ["migrate the database"],
    ],
    [
      "a new password of the admin",
      migrate,
      { migrated: `${wanted.images.airflow} other abc123\n` },
      ["set the admin's password"],
    ],
    ["a database of another revision", migrate, { revision: "older\n" }, ["migrate the database"]],
    ["a database that does not answer", migrate, { revision: fails }, []],
    [
      "a stopped service",
      services,
      stateOf("scheduler", "exited Exited (137) 3 minutes ago"),
      ["start scheduler", "wait for the heartbeats of all services"],
    ],
    [
      "a removed service",
      services,
      { made: without(made, /^airflow-triggerer.*\n/m), states: without(states, /^airflow-triggerer.*\n/m) },
      ["start triggerer", "wait for the heartbeats of all services"],
    ],
    [
      "a service of other settings",
      services,
      hashOf("scheduler"),
      ["start scheduler", "wait for the heartbeats of all services"],
    ],
    [
      "a service of another time",
      services,
      { made: `${made}airflow-webserver-1 webserver x\n` },
      ["remove containers that belong to no service", "wait for the heartbeats of all services"],
    ],
    ["a component without a heartbeat", services, { isHealthy: fails }, ["wait for the heartbeats of all services"]],
    [
      "another release",
      services,
      { current: "releases/old\n" },
      [`switch to release ${wanted.release.digest}`, "remove old releases"],
    ],
  ];
  test.each(cases)("%s", (_what, step, drift, expected) => {
    expect(summaries(step, { ...settled[step.name], ...drift })).toEqual(expected);
  });
});

describe("a host that cannot become what is wanted is refused before anything is changed", () => {
  const cases: [what: string, step: Step<Wanted, any>, answers: Answers, message: RegExp][] = [
    [
      "its data volume is not there",
      preflight,
      { isMounted: fails },
      /the data volume is not mounted at \/srv\/airflow/,
    ],
    ["another system", preflight, { os: "fedora 42" }, /its system is fedora 42: debian 13 or ubuntu 24.04 is needed/],
    ["one core", preflight, { cores: "1" }, /it has 1 core: at least 2 are needed/],
    ["little memory", preflight, { memory: String(2 * GIB) }, /it has 2.0 GiB of memory: at least 4 GiB are needed/],
    [
      "a full disk",
      preflight,
      { disk: `Mounted Avail\n/ ${0.5 * GIB}\n` },
      /\/ has 512.0 MiB free: at least 1.0 GiB are needed/,
    ],
    [
      "a small disk for a first time",
      preflight,
      { disk: `Mounted Avail\n/ ${5 * GIB}\n`, isSettled: fails },
      /\/ has 5.0 GiB free: at least 8.0 GiB/,
    ],
    [
      "a small disk for Docker's images",
      preflight,
      { disk: `Mounted Avail\n/ ${5 * GIB}\n/var/lib/docker ${5 * GIB}\n`, isSettled: fails },
      /cannot hold Airflow:\n {2}\/var\/lib\/docker has 5.0 GiB free: at least 6.0 GiB are needed$/,
    ],
    [
      "a small data volume for a first time",
      preflight,
      { disk: `Mounted Avail\n/ ${9 * GIB}\n/srv/airflow ${GIB}\n`, isSettled: fails },
      /cannot hold Airflow:\n {2}\/srv\/airflow has 1.0 GiB free: at least 2.0 GiB are needed$/,
    ],
    ["a wrong clock", preflight, { clock: "1800000009" }, /its clock differs from this machine's by 9 s/],
    [
      "the data of another deployment",
      identity,
      { identity: `{"deployment":"production"}` },
      /belongs to the deployment "production"/,
    ],
    [
      "other secrets than the database's",
      identity,
      { identity: JSON.stringify({ ...wanted.identity, fernetKey: "f2" }) },
      /not those of the database/,
    ],
    [
      "another database password",
      identity,
      { identity: JSON.stringify({ ...wanted.identity, databasePassword: "d2" }) },
      /not those of the database/,
    ],
    ["a database that is gone", identity, { hasDatabase: "" }, /the database of this deployment is gone/],
    ["a database of nobody", identity, { identity: "" }, /nothing says whose it is/],
    ["a damaged identity", identity, { identity: `{"deploy` }, /is damaged/],
  ];
  test.each(cases)("%s", (_what, step, answers, message) => {
    const refuse = (): unknown => actions(step, { ...settled[step.name], ...answers });
    expect(refuse).toThrow(UserError);
    expect(refuse).toThrow(message);
  });

  test("all of a host's problems are named at once", () => {
    expect(() => actions(preflight, { ...settled["preflight"], cores: "1", memory: "1", clock: "0" })).toThrow(
      /1 core.*of memory.*clock/s,
    );
  });
  test("a data volume of the smallest size that the deployment file allows is enough", () => {
    // 8 GiB less what ext4 keeps for itself and for root.
    const disk = `Mounted Avail\n/ ${9 * GIB}\n/srv/airflow ${7.3 * GIB}\n`;
    expect(actions(preflight, { ...settled["preflight"], disk, isSettled: fails })).toEqual([]);
  });
  test("without any operator's key nobody could log in", () => {
    expect(() => actions(access, {}, { ...wanted, authorizedKeys: [] })).toThrow(/nobody could log in/);
  });
  test("whoever logged in with a key that would not open the host any more changes nothing", () => {
    const refuse = (loginKey?: string) => () => actions(access, settled["access"]!, { ...wanted, loginKey });
    expect(refuse("BBBB")).toThrow(/the key that you logged in with is not among those that may log in/);
    expect(refuse("AAAA")()).toEqual([]);
    expect(refuse(undefined)()).toEqual([]);
  });
  test("sshd is told only algorithms that its OpenSSH knows, and one that this client knows", () => {
    expect(SSHD_SETTINGS).toMatchObject({
      KexAlgorithms: "sntrup761x25519-sha512@openssh.com,curve25519-sha256",
      Ciphers: "aes128-ctr",
      MACs: "hmac-sha2-256-etm@openssh.com",
    });
  });
  test("a database that may still be made is none that is gone", () => {
    expect(actions(identity, { ...settled["identity"], hasDatabase: "", mayInitialize: "0\n" })).toEqual([]);
  });
});

describe("the host's own updates", () => {
  test("are those of security, and never Docker's, whose restart would come under running tasks", () => {
    expect(UPDATES[0]).toMatch(/^#clear Unattended-Upgrade::Origins-Pattern;$/m);
    expect(UPDATES[0]!.match(/^ {2}"origin=.*$/gm)!.every((line) => line.includes("-security"))).toBe(true);
    expect(UPDATES[0]).toContain('"^docker";\n  "^containerd";');
    expect(UPDATES[0]).toContain('Automatic-Reboot "false"');
    expect(UPDATES[1]).toContain("(docker|containerd)");
  });
  test("can be left to the operator", () => {
    const [write, ...more] = actions(updates, settled["updates"]!, wantedOf("host: {updates: none}"));
    expect(write!.stdin).toContain('APT::Periodic::Unattended-Upgrade "0";');
    expect(more).toEqual([]);
  });
});

test("a host that stops gives tasks their time; on EC2 less than Terraform waits for it", () => {
  const limit = (drain: number, aws?: object): number => {
    const { airflow, ...rest } = wanted.deployment;
    const deployment = { ...rest, airflow: { ...airflow, drain }, aws } as unknown as Wanted["deployment"];
    const [unit] = actions(shutdown, {}, { ...wanted, deployment });
    return Number(/^TimeoutStopSec=(\d+)$/m.exec(unit!.stdin!)![1]);
  };
  expect([limit(600), limit(60), limit(600, {}), limit(60, {})]).toEqual([720, 180, 420, 180]);
});

describe("the role that DAGs have in AWS", () => {
  const role = {
    arn: "arn:aws:iam::123456789012:role/dags",
    region: "eu-central-1",
    session: "airflow-shop",
    trust: "arn:aws:iam::123456789012:role/airflow-shop-host",
    script: "print()\n",
  };
  const want = { ...wanted, taskRole: role };
  const writes = (list: Action[]): Action[] => list.filter(({ summary }) => summary.startsWith("write "));
  const found = writes(actions(taskRole, {}, want))
    .map(({ stdin }) => `${Buffer.from(stdin!).toString("base64")}\n`)
    .join("");
  const settledRole: Answers = { found, isTimed: "enabled\nactive\n", validFor: "3300\n" };
  const all = ["aws-host.py", "task-role/config", "airflow-task-role.service", "airflow-task-role.timer"];
  const take = `assume the role ${role.arn} for DAGs`;

  test("is taken on before any service starts, and then by a timer", () => {
    const names = steps.map(({ name }) => name);
    expect(names.indexOf("task-role")).toBeLessThan(names.indexOf("services"));
    const list = actions(taskRole, {}, want);
    expect(
      writes(list).map(({ summary }) => summary.replace(/^write .*\/(?=aws-host|task-role\/|airflow-)/, "")),
    ).toEqual(all);
    expect(list.slice(4).map(({ summary }) => summary)).toEqual([take, "start airflow-task-role.timer"]);
    expect(actions(taskRole, settledRole, want)).toEqual([]);
  });

  test("is the deployment file's, and the host's own role is whom it has to trust", () => {
    const aws = { account: "123456789012", region: "eu-central-1", taskRole: role.arn };
    const found = taskRoleOf({ ...wanted.deployment, name: "shop", aws } as unknown as Wanted["deployment"]);
    expect({ ...found, script: "print()\n" }).toEqual(role);
    expect(found!.script).toBe(readFileSync(join(ROOT, "templates/aws/host.py"), "utf8"));
    expect(taskRoleOf(wanted.deployment)).toBeUndefined();
  });

  test("is renewed long before its hour is over, by a unit that may write nothing else", () => {
    const [script, config, service, timer] = writes(actions(taskRole, {}, want)).map(({ stdin }) => stdin!);
    expect(script).toBe(role.script);
    expect(config).toContain(
      "\nregion = eu-central-1\ncredential_process = /bin/cat /opt/airflow/task-role/credentials.json\n",
    );
    expect(service).toContain(
      `\nExecStart=/usr/bin/python3 /usr/local/lib/airflow-deployment/aws-host.py assume ${role.arn} eu-central-1 airflow-shop /opt/airflow/task-role/credentials.json\n`,
    );
    expect(service).toContain("\nProtectSystem=strict\n");
    expect(service).toContain("\nReadWritePaths=/opt/airflow/task-role\n");
    // AWS's tools ask again a quarter of an hour before the end.
    expect(timer).toMatch(/^OnActiveSec=0\nOnUnitInactiveSec=5min$/m);
    const [assume] = actions(taskRole, {}, want).filter(({ summary }) => summary === take);
    expect(assume!.command.text).toContain(
      "chown root:0 /opt/airflow/task-role && chmod 0750 /opt/airflow/task-role\n",
    );
    expect(assume!.command.text).toContain(`must let ${role.trust} assume it`);
  });

  test.each<[what: string, drift: Answers, expected: string[]]>([
    ["a role that refused, whatever credentials are left of another", { hasFailed: "failed\n" }, [take]],
    ["credentials that ran out", { validFor: "-5\n" }, [take]],
    ["credentials that are gone", { validFor: fails }, [take]],
    ["a stopped timer", { isTimed: { code: 3, stdout: "enabled\ninactive\n" } }, ["start airflow-task-role.timer"]],
    [
      "an edited script",
      { found: found.replace(/^.*/, "eA==") },
      ["write /usr/local/lib/airflow-deployment/aws-host.py", take, "start airflow-task-role.timer"],
    ],
  ])("%s: mended", (_what, drift, expected) => {
    expect(summaries(taskRole, { ...settledRole, ...drift }, want)).toEqual(expected);
  });

  test("goes when the deployment file names none any more", () => {
    expect(summaries(taskRole, settledRole)).toEqual([]);
    // Services that mount them were recreated before.
    const names = steps.map(({ name }) => name);
    expect(names.indexOf("retire-task-role")).toBeGreaterThan(names.indexOf("services"));
    expect(summaries(retireTaskRole, { isThere: "/x\n" })).toEqual(["remove the AWS credentials of DAGs"]);
    expect(summaries(retireTaskRole, { isThere: "/x\n" }, want)).toEqual([]);
  });

  test("only tasks and triggers have it", () => {
    const yaml = (taskRole: string) => `account: "123456789012", region: eu-central-1${taskRole}`;
    const withRole = (role: string): any =>
      parse(
        makeRelease({ ...wanted.deployment, aws: parse(`{${yaml(role)}}`) } as any, SECRET_VALUES)
          .files.find(({ path }) => path === "compose.yaml")!
          .content.toString(),
        { merge: true },
      ).services;
    const having = (services: any): string[] =>
      Object.keys(services).filter((name) => JSON.stringify(services[name]).includes("task-role"));
    expect(having(withRole(""))).toEqual([]);
    const services = withRole(`, taskRole: ${role.arn}`);
    expect(having(services)).toEqual(["scheduler", "triggerer"]);
    expect(services.scheduler.environment).toMatchObject({
      AWS_CONFIG_FILE: "/opt/airflow/task-role/config",
      AWS_EC2_METADATA_DISABLED: "true",
      AIRFLOW__CORE__EXECUTOR: "LocalExecutor",
    });
    expect(services.triggerer.volumes.at(-1)).toMatchObject({ source: "/opt/airflow/task-role", read_only: true });
  });
});

describe("services change in an order that harms no running task", () => {
  const BESIDE = "start the new api-server beside the old one";
  const WAIT = "wait for the heartbeats of all services";
  const AIRFLOW = ["api-server", "scheduler", "dag-processor", "triggerer"];
  /** A compose file that differs from the wanted one in the lines that hold this. */
  const before = (what: RegExp): string => compose.replaceAll(what, "$&x");
  const unhealthy = "running Up 2 hours (unhealthy)";
  const restarting = "restarting Restarting (1) 4 seconds ago";
  test.each<[what: string, facts: Answers, expected: string[]]>([
    ["a setting of all", hashOf(...AIRFLOW), [BESIDE, "start scheduler, dag-processor, triggerer", WAIT]],
    ["a setting of the api-server", hashOf("api-server"), [BESIDE, WAIT]],
    ["another Postgres", hashOf("postgres"), ["stop scheduler", "start postgres, scheduler", WAIT]],
    [
      "another secret for tokens",
      { ...hashOf("api-server", "scheduler"), runningFile: before(/airflow-deployment\.secrets: "\w+/g) },
      ["stop scheduler", "start api-server, scheduler", WAIT],
    ],
    [
      "another image, whose migration has stopped all",
      { ...hashOf(...AIRFLOW), runningFile: before(/image: ".*airflow:\w+/g), migrated: "x:1 y z 3.0.0+1.0.0" },
      [`start ${AIRFLOW.join(", ")}`, WAIT],
    ],
    [
      "another image with the same Airflow",
      { ...hashOf(...AIRFLOW), runningFile: before(/image: ".*airflow:\w+/g), migrated: `x:1 y z ${schemaOf(wanted)}` },
      ["start the new api-server beside the old one", "start scheduler, dag-processor, triggerer", WAIT],
    ],
    [
      "a stopped api-server",
      { ...stateOf("api-server", "exited Exited (137) 1 hour ago"), ...hashOf("scheduler") },
      ["start api-server", "start scheduler", WAIT],
    ],
    ["an api-server that hangs", stateOf("api-server", unhealthy), ["stop api-server", "start api-server", WAIT]],
    ["a scheduler that hangs", stateOf("scheduler", unhealthy), ["stop scheduler", "start scheduler", WAIT]],
    [
      "a scheduler that ends again and again",
      stateOf("scheduler", restarting),
      ["stop scheduler", "start scheduler", WAIT],
    ],
    [
      "a hung scheduler and a stopped api-server",
      {
        states: (stateOf("scheduler", unhealthy)["states"] as string).replace(
          /(airflow-api-server-1) .*/,
          "$1 exited Exited (137) 1 minute ago",
        ),
      },
      ["start api-server", "stop scheduler", "start scheduler", WAIT],
    ],
    [
      "a database that hangs, which makes all unhealthy",
      { states: states.replaceAll("(healthy)", "(unhealthy)"), isHealthy: fails },
      ["stop postgres", "start postgres", WAIT],
    ],
    [
      "a Postgres that has lost its networks",
      {
        states: states
          .replace(/^(airflow-postgres-1 .*)$/m, "$1|")
          .replace(/^(airflow-(?!postgres).*)$/gm, "$1|airflow_default,airflow_database"),
      },
      ["stop postgres", "start postgres", WAIT],
    ],
    [
      "all services in their networks",
      {
        states: states
          .replace(/^(airflow-postgres-1 .*)$/m, "$1|airflow_database")
          .replace(/^(airflow-(?!postgres).*)$/gm, "$1|airflow_default,airflow_database"),
      },
      [],
    ],
    [
      "a scheduler that hangs and is another one now, without a database",
      {
        made: made.replace(/^(airflow-scheduler-1 \S+) .*$/m, "$1 other").replace(/^airflow-postgres.*\n/m, ""),
        states: (stateOf("scheduler", unhealthy)["states"] as string).replace(/^airflow-postgres.*\n/m, ""),
        isHealthy: fails,
      },
      ["stop scheduler", "start postgres, scheduler", WAIT],
    ],
    [
      "services that a restarted Docker asks anew",
      { states: states.replaceAll("(healthy)", "(health: starting)") },
      [],
    ],
    [
      "what compose was making when the power went",
      { made: `${made}0123456789ab_airflow-scheduler-1 scheduler other\n` },
      ["remove half-made containers"],
    ],
    [
      "what compose was making, and the old one gone",
      { made: made.replace(/airflow-scheduler-1 .*/, "0123456789ab_airflow-scheduler-1 scheduler other") },
      ["remove half-made containers", "start scheduler", WAIT],
    ],
    [
      "an api-server that stood in",
      { states: `${states}airflow-api-next exited Exited (0) 1 hour ago\n` },
      ["remove half-made containers"],
    ],
  ])("%s", (_what, facts, expected) => {
    expect(summaries(services, { ...settled["services"], ...facts })).toEqual(expected);
  });

  test("the state of a container is no part of what a plan is made from: it may change at any time", () => {
    const facts = services.facts(wanted);
    expect([facts.made.kind, facts.states.kind]).toEqual(["stable", "live"]);
    expect(facts.made.command.text).not.toMatch(/\.State|\.Status/);
  });
});

test("queries name tables with their schema: other names mean what Postgres itself has", () => {
  const folder = join(ROOT, "provision/steps");
  const texts = readdirSync(folder).flatMap((name) => [
    ...readFileSync(join(folder, name), "utf8").matchAll(/\bquery\(\s*(["`])(.*?)\1/gs),
  ]);
  const tables = texts.flatMap(([, , sql]) => [...sql!.matchAll(/\b(?:from|join) (\S+)/g)].map(([, table]) => table!));
  expect(tables.length).toBeGreaterThan(2);
  expect(tables.filter((table) => !table.startsWith("public."))).toEqual([]);
});

describe("make plan shows", () => {
  test("a person's edit as a diff", () => {
    const edited = { ...settled["access"], authorizedKeys: "ssh-ed25519 AAAA ann\nssh-ed25519 EVIL eve\n" };
    expect(detail(access, edited)).toBe(
      "/home/ubuntu/.ssh/authorized_keys: @@ -1,2 +1,1 @@\n ssh-ed25519 AAAA ann\n-ssh-ed25519 EVIL eve",
    );
  });
  test("which service is recreated, kept or removed, and which settings of it changed", () => {
    const before = compose.replace(/AIRFLOW__CORE__PARALLELISM: "?\d+"?/, 'AIRFLOW__CORE__PARALLELISM: "99"');
    const drift = {
      made: `${hashOf("scheduler")["made"] as string}airflow-webserver-1 webserver x\n`.replace(
        /^airflow-triggerer.*\n/m,
        "",
      ),
      tasks: "etl.load\n",
      runningFile: before,
    };
    expect(detail(services, { ...settled["services"], ...drift }).split("\n")).toEqual([
      "scheduler: recreated, changed: environment.AIRFLOW__CORE__PARALLELISM",
      "triggerer: created, it has no container",
      "scheduler: waits for the tasks that run, now etl.load; at most 600 s",
      "postgres: kept",
      "api-server: kept",
      "dag-processor: kept",
      "webserver: removed, the release has no such service",
    ]);
  });
  test("no secret's value, whatever is missing", () => {
    for (const step of steps) {
      if (step.name === "preflight") continue;
      const shown = actions(step, bare[step.name]!).map(({ stdin: _hidden, ...rest }) => rest);
      expect(JSON.stringify(shown)).not.toContain("Hunter2");
    }
  });
});

describe("Docker's engine", () => {
  const daemon = (answers: Answers): any =>
    JSON.parse(
      actions(docker, { ...settled["docker"], daemon: fails, ...answers }).find(({ summary }) =>
        summary.includes("daemon.json"),
      )!.stdin!,
    );
  test("gets the packages of Ubuntu by Ubuntu's names", () => {
    expect(summaries(docker, { os: "ubuntu\n", route: ROUTES }).at(-1)).toBe(
      "install docker.io docker-compose-v2 docker-buildx mmdebstrap curl unattended-upgrades",
    );
  });
  test("takes an address block that meets no route of the host", () => {
    expect(daemon({ route: "1500\n10.213.4.0/24 dev eth0\n" })).toMatchObject({ bip: "172.29.255.1/24", mtu: 1500 });
    expect(daemon({ route: "1500\n10.0.0.0/8 dev eth0\n172.16.0.0/12 dev eth0\n" }).bip).toBe("192.168.255.1/24");
  });
  test("keeps the block that it has, so that running networks stay", () => {
    expect(daemon({ daemon: `{"default-address-pools":[{"base":"10.87.0.0/16"}]}` }).bip).toBe("10.87.255.1/24");
  });
  test.each([
    ["10.0.0.0/8", "10.213.0.0/16", true],
    ["10.213.0.0/16", "10.213.255.0/24", true],
    ["10.212.0.0/16", "10.213.0.0/16", false],
    ["0.0.0.0/0", "192.168.0.0/16", true],
    ["192.168.0.0/16", "172.29.0.0/16", false],
  ])("%s and %s overlap: %s", (a, b, expected) => {
    expect(overlap(a, b)).toBe(expected);
    expect(overlap(b, a)).toBe(expected);
  });
});

test("a ready image is pulled, never built", () => {
  const image = `registry.example.com/airflow@sha256:${"0".repeat(64)}`;
  const ready = wantedOf(`airflow: {image: "${image}"}`);
  const found = { found: `${ready.images.postgres} x\n` };
  expect(summaries(images, found, ready)).toEqual([`install the image ${image}`]);
});

describe("a deployment whose services log in as the owner of the database, and read secrets as group 0", () => {
  const hba = "# PostgreSQL's own\nlocal all all peer\nhost airflow airflow all scram-sha-256\n";
  const roles = "airflow|t|t|t|0123\n";
  const found = `${sha256sOf(0)}database_password ${"0".repeat(64)} 0:0 440\n`.replace(/^(database_url) \w+/m, "$1 0");
  const old = { hba, ident: "# PostgreSQL's own\n", roles };

  test("gets the new roles while its services run, which may go on", () => {
    const [set, ident, doors] = actions(database, old);
    expect(set!.summary).toBe("set the roles airflow_a, airflow_b of the database");
    expect(ident!.stdin).toBe(IDENT);
    expect(doors!.stdin).toBe(`${HBA}host  airflow  airflow  all  scram-sha-256\n`);
    expect(actions(secrets, { found }).map(({ summary }) => summary)).toEqual(["write the secret database_url"]);
    expect(actions(secrets, { found })[0]!.command.text).toContain("chown 0:0 ");
  });
  test("loses the old ways after its services were recreated", () => {
    const names = steps.map(({ name }) => name);
    expect(["database", "secrets", "services", "retire"].map((name) => names.indexOf(name))).toEqual(
      ["database", "secrets", "services", "retire"].map((name) => names.indexOf(name)).sort((a, b) => a - b),
    );
    const list = actions(retire, { found, hba });
    expect(list.map(({ summary }) => summary)).toEqual([
      "set the group that may read the secrets",
      "remove the secret database_password",
      "remove the password of the role airflow",
      "write /srv/airflow/postgres/17/pg_hba.conf",
      "let Postgres read again who may connect",
    ]);
    expect(list[3]!.stdin).toBe(HBA);
  });
  test("that was interrupted in between goes on", () => {
    const between = `${HBA}host  airflow  airflow  all  scram-sha-256\n`;
    expect(actions(database, { hba: between, ident: IDENT, roles: ROLES.replace("airflow|t|t|t|", "$&0123") })).toEqual(
      [],
    );
    expect(actions(retire, { found: sha256sOf(50001), hba: between })).toHaveLength(3);
  });
});

test("secrets travel in standard input only", () => {
  const all = steps.flatMap((step) => (step.name === "preflight" ? [] : actions(step, bare[step.name]!)));
  const carriers = all.filter(({ stdin }) => stdin?.includes("Hunter2")).map(({ summary }) => summary);
  expect(carriers).toEqual([...wanted.secretFiles.keys()].map((name) => `write the secret ${name}`));
  const shown = all.map(({ stdin: _hidden, ...rest }) => rest);
  expect(JSON.stringify(shown)).not.toContain(LOGIN!.verifier);
  expect(Object.values(SECRET_VALUES).every((value) => value.includes("Hunter2"))).toBe(true);
});
