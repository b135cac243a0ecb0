import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../provision/deployment/paths";
import { SERVICES } from "../../provision/release/wanted";
import { networksOf } from "../../provision/steps/containers";
import { imagesOf } from "../../provision/release/images";
import { Release, SECRETS_OF, makeRelease, secretFilesOf } from "../../provision/release/release";
import type { Secrets } from "../../provision/deployment/secret-names";
import { SECRET_VALUES, deploymentOf } from "../support/wanted";

const releaseOf = (yaml = "", secrets: Secrets = SECRET_VALUES): Release => makeRelease(deploymentOf(yaml), secrets);
const plain = releaseOf();

interface Service {
  readonly pull_policy?: string;
  readonly mem_limit?: string;
  readonly pids_limit: number;
  readonly oom_score_adj?: number;
  readonly tmpfs: string[];
  readonly volumes?: { source: string; target: string; bind: { create_host_path: boolean } }[];
  readonly labels: Record<string, string>;
  readonly environment?: Record<string, string>;
}
const servicesOf = ({ files }: Release): Record<string, Service> => {
  const text = files.find(({ path }) => path === "compose.yaml")!.content.toString();
  return (parse(text, { merge: true }) as { services: Record<string, Service> }).services;
};
/** The services that would be recreated. */
const differing = (a: Release, b: Release): string[] => {
  const [before, after] = [servicesOf(a), servicesOf(b)];
  return Object.keys(before).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
};

describe("a release", () => {
  test("is the same for the same input", () => expect(releaseOf()).toEqual(plain));
  test("holds no value of a secret", () => {
    for (const { path, content } of plain.files)
      expect([path, content.toString().includes("Hunter2")]).toEqual([path, false]);
  });
  test.each([
    ["a setting", "airflow: {parallelism: 3}"],
    ["a package", "airflow: {requirements: [pandas]}"],
    ["an option of Airflow's", "airflow: {settings: {core: {default_timezone: Europe/Paris}}}"],
  ])("has another name with another value of %s", (_what, yaml) => {
    expect(releaseOf(yaml).digest).not.toBe(plain.digest);
  });
  test("has another name with another secret, and does not tell which", () => {
    expect(releaseOf("", { ...SECRET_VALUES, jwt_secret: "x".repeat(43) }).digest).not.toBe(plain.digest);
  });
});

describe("each service", () => {
  const mounts = Object.entries(servicesOf(plain)).map(([name, { volumes = [] }]) => [name, volumes] as const);
  test.each(mounts)(
    "%s mounts the secrets that SECRETS_OF names, and makes no directory for what is missing",
    (name, volumes) => {
      const secrets = volumes.filter(({ source }) => source.startsWith("/opt/airflow/secrets/"));
      expect(secrets.map(({ target }) => target.replace("/run/secrets/", "")).sort()).toEqual(
        [...SECRETS_OF[name]!].sort(),
      );
      expect(secrets.map(({ source, target }) => source.split("/").at(-1) === target.split("/").at(-1))).not.toContain(
        false,
      );
      expect(volumes.map(({ bind }) => bind.create_host_path)).not.toContain(true);
    },
  );
  test("is one that SECRETS_OF knows", () => {
    expect(mounts.map(([name]) => name).sort()).toEqual(Object.keys(SECRETS_OF).sort());
  });
});

describe("a changed secret recreates its users alone", () => {
  test.each([
    ["jwt_secret", ["api-server", "scheduler"]],
    ["api_secret_key", ["api-server"]],
    ["fernet_key", ["migrate", "api-server", "dag-processor", "triggerer"]],
    ["admin_password", ["migrate"]],
    ["database_password", ["migrate", "api-server", "scheduler", "dag-processor", "triggerer"]],
  ])("%s", (secret, users) => {
    const changed = releaseOf("", { ...SECRET_VALUES, [secret]: "another".repeat(7) });
    expect(differing(plain, changed)).toEqual(users);
  });
});

describe("a secret of the operators' that Airflow takes from a file", () => {
  const yaml = "airflow: {secrets: {sentry.sentry_dsn: dsn, secrets.backend_kwargs: dsn}}";
  const airflow = ["migrate", "api-server", "scheduler", "dag-processor", "triggerer"];
  const [one, another] = ["Hunter2dsn", "another"].map((dsn) => releaseOf(yaml, { ...SECRET_VALUES, dsn }));

  test("is a file for every service of Airflow's, and a command that reads it", () => {
    const { services, secrets } = parse(one!.composeFile, { merge: true }) as {
      services: Record<string, { secrets?: string[]; environment?: Record<string, string> }>;
      secrets: object;
    };
    expect(secrets).toEqual({ dsn: { file: "/opt/airflow/secrets/dsn" } });
    expect(Object.keys(services).filter((name) => services[name]!.secrets)).toEqual(airflow);
    for (const name of airflow)
      expect(services[name]).toMatchObject({
        secrets: ["dsn"],
        environment: {
          AIRFLOW__SENTRY__SENTRY_DSN_CMD: "cat /run/secrets/dsn",
          AIRFLOW__SECRETS__BACKEND_KWARGS_CMD: "cat /run/secrets/dsn",
        },
      });
    expect(one!.composeFile).not.toContain("Hunter2");
  });
  test("recreates them when it changes", () => expect(differing(one!, another!)).toEqual(airflow));
  test("lies on the host only where it is used", () => {
    const secrets = { ...SECRET_VALUES, dsn: "Hunter2dsn" };
    expect(secretFilesOf(secrets).has("dsn")).toBe(false);
    expect(secretFilesOf(secrets, ["dsn"]).get("dsn")).toBe("Hunter2dsn");
  });
});

describe("a changed setting recreates the services that use it", () => {
  const airflow = ["migrate", "api-server", "scheduler", "dag-processor", "triggerer"];
  test.each([
    ["airflow: {parallelism: 3}", ["scheduler"]],
    ["airflow: {drain: 5}", ["scheduler"]],
    ["airflow: {memoryMiB: {scheduler: 4096}}", ["scheduler"]],
    ["airflow: {memoryMiB: {dag-processor: 2048}}", ["dag-processor"]],
    ["airflow: {settings: {core: {default_timezone: Europe/Paris}}}", airflow],
    ["airflow: {requirements: [pandas]}", airflow],
    ["ui: {port: 9000}", []],
  ])("%s", (yaml, users) => {
    expect(differing(plain, releaseOf(yaml))).toEqual(users);
  });
  test("plugins become part of the image of Airflow, and of no other", () => {
    const plugins = mkdtempSync(join(tmpdir(), "plugins-"));
    writeFileSync(join(plugins, "mine.py"), "x = 1");
    mkdirSync(join(plugins, "__pycache__"));
    writeFileSync(join(plugins, "__pycache__/mine.pyc"), "x");
    const release = releaseOf(`airflow: {plugins: ${plugins}}`);
    expect(differing(plain, release)).toEqual(airflow);
    expect(release.files.map(({ path }) => path).filter((path) => path.startsWith("images/plugins/"))).toEqual([
      "images/plugins/about.txt",
      "images/plugins/mine.py",
    ]);
    expect(() => releaseOf("airflow: {plugins: /no/such}")).toThrow("/no/such is not a folder");
    const image = `localhost/a@sha256:${"0".repeat(64)}`;
    expect(() => releaseOf(`airflow: {plugins: ${plugins}, image: '${image}'}`)).toThrow(
      "cannot be put into airflow.image",
    );
  });
  test("a value with a dollar sign reaches Airflow as it is", () => {
    const { environment } = servicesOf(releaseOf("airflow: {settings: {api: {instance_name: 'a$b${c}'}}}"))[
      "scheduler"
    ]!;
    // Compose halves what is doubled.
    expect(environment!["AIRFLOW__API__INSTANCE_NAME"]).toBe("a$$b$${c}");
  });
});

test("each service has as many networks as provisioning expects of its container", () => {
  const found = servicesOf(releaseOf("")) as unknown as Record<string, { networks: string[] }>;
  for (const service of SERVICES)
    expect({ service, count: found[service]!.networks.length }).toEqual({ service, count: networksOf(service) });
});

describe("one DAG cannot take the host down", () => {
  const limits = (yaml = "") =>
    Object.entries(servicesOf(releaseOf(yaml))).map(([name, { mem_limit, pids_limit }]) => [
      name,
      mem_limit,
      pids_limit,
    ]);
  test("every service has a limit of processes, and of memory all but the scheduler, where tasks run", () => {
    expect(limits()).toEqual([
      ["postgres", "1024m", 256],
      ["migrate", undefined, 256],
      ["api-server", "1024m", 256],
      ["scheduler", undefined, 4096],
      ["dag-processor", "768m", 256],
      ["triggerer", "768m", 256],
    ]);
  });
  test("the deployment file sets other limits of memory, also the scheduler's", () => {
    const set = new Map(
      limits("airflow: {memoryMiB: {scheduler: 3000, triggerer: 500}}").map(([name, mib]) => [name, mib]),
    );
    expect([set.get("scheduler"), set.get("triggerer"), set.get("postgres")]).toEqual(["3000m", "500m", "1024m"]);
  });
  test("what lies in memory has a size", () => {
    const open = Object.values(servicesOf(plain)).flatMap(({ tmpfs }) =>
      tmpfs.filter((at) => !/[:,]size=\d+m/.test(at)),
    );
    expect(open).toEqual([]);
  });
  test("where the host's memory runs out, everything but Postgres goes first", () => {
    const first = Object.entries(servicesOf(plain)).filter(([, { oom_score_adj = 0 }]) => oom_score_adj > 0);
    expect(first.map(([name]) => name)).toEqual(["migrate", "api-server", "scheduler", "dag-processor", "triggerer"]);
  });
});

test("secrets' files hold the value to the byte, and a URL for the database", () => {
  const files = secretFilesOf(SECRET_VALUES);
  expect(files.get("jwt_secret")).toBe(SECRET_VALUES.jwt_secret);
  expect(new URL(files.get("database_url")!).password).toBe(SECRET_VALUES.database_password);
  expect([...files.values()].filter((value) => /\s/.test(value))).toEqual([]);
});

describe("an image is named by what goes into it", () => {
  const changed = (path: string, yaml = ""): string[] => {
    const edit = (file: Release["files"][number]) =>
      file.path === path ? { ...file, content: `${file.content.toString()}#` } : file;
    if (path && !plain.files.some((file) => file.path === path)) throw new Error(`there is no ${path}`);
    const before = imagesOf(deploymentOf(), plain.files);
    const after = imagesOf(deploymentOf(yaml), plain.files.map(edit));
    return (["base", "postgres", "airflow"] as const).filter((name) => before[name] !== after[name]);
  };
  test.each([
    ["images/date", ["base", "postgres", "airflow"]],
    ["images/base.sh", ["base", "postgres", "airflow"]],
    ["images/debian-archive-keyring.asc", ["base", "postgres", "airflow"]],
    ["images/Dockerfile", ["postgres", "airflow"]],
    ["images/postgres/entrypoint.sh", ["postgres"]],
    ["images/airflow/lib/release_bundle.py", ["airflow"]],
    ["images/requirements.lock", ["airflow"]],
    ["images/uv.lock", ["airflow"]],
    ["images/extra-requirements.txt", ["airflow"]],
    ["images/requirements.in", []],
    ["compose.yaml", []],
  ])("%s: %j", (path, names) => expect(changed(path)).toEqual(names));

  test.each([
    ["build: {aptMirror: 'http://mirror.example.com/debian'}", ["base", "postgres", "airflow"]],
    ["build: {pipIndex: 'https://pypi.example.com/simple'}", []],
    ["build: {proxy: 'http://proxy.example.com:3128'}", []],
    ["airflow: {parallelism: 3}", []],
  ])("%s: %j", (yaml, names) => expect(changed("", yaml)).toEqual(names));

  test("every file below images/ goes into one, but those that only make lock files", () => {
    const unused = plain.files
      .filter(({ path }) => path.startsWith("images/") && changed(path).length === 0)
      .map(({ path }) => path);
    expect(unused).toEqual(["images/docker-bake.hcl", "images/requirements.in", "images/uv.in"]);
  });
});

describe("nobody else's image is ever run under one of our names", () => {
  test("they are named under localhost/, where no public registry looks", () => {
    const { date: _date, ...images } = plain.images;
    expect(Object.values(images).map((name) => name.split("/")[0])).toEqual(["localhost", "localhost", "localhost"]);
  });
  test.each(Object.entries(servicesOf(plain)))("compose never pulls the image of %s", (_name, service) => {
    expect(service.pull_policy).toBe("never");
  });
  test("no command runs an image that Docker might fetch", () => {
    const files = readdirSync(join(ROOT, "provision"), { recursive: true, encoding: "utf8" });
    const texts = files
      .filter((name) => /\.(ts|sh)$/.test(name))
      .map((name) => readFileSync(join(ROOT, "provision", name), "utf8"));
    const runs = texts.flatMap((text) => text.match(/docker (container )?(run|create)\b.*/g) ?? []);
    expect(runs.length).toBeGreaterThan(0);
    expect(runs.filter((run) => !run.includes("--pull never"))).toEqual([]);
  });
});
