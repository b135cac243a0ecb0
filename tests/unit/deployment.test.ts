import { mkdtempSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { loadDeployment, parseSettings } from "../../provision/deployment/deployment";
import { UserError } from "../../provision/base/errors";

const SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1C ada@laptop";
const AGE = "age140ychxfpwqw22204v8xc8zpmug77ptvnlvwfher33wer5cy6nurs7wtp5j";
const errorOf = (work: () => unknown): UserError => {
  try {
    work();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};
const problemsIn = (yaml: string) => errorOf(() => parseSettings("x.yaml", yaml)).message;
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOG2h1mzMOWEUFTpFrGQZrJa7QKwnX5Kiif/YEUbxVlh";
const local = (yaml: string) => `infrastructure: local\n${yaml}`;

test("one line is a whole deployment", () => {
  expect(parseSettings("x.yaml", "infrastructure: local")).toMatchObject({
    operators: [],
    airflow: { requirements: [], parallelism: 8, drain: 600, settings: {} },
    ui: {},
  });
});

test("all problems are told at once, in the file's order, with line, path and the closest known key", () => {
  const message = problemsIn(
    [
      "infrastructure: locl",
      "airflow:",
      "  paralelism: 3",
      "  drain: soon",
      "ui: {port: 99999}",
      "build:",
      "foo: 1",
    ].join("\n"),
  );
  expect(message.split("\n")).toEqual([
    "x.yaml is not valid:",
    '  line 1: infrastructure: must be "local" or "aws" or "existing", not "locl"',
    '  line 3: airflow.paralelism: unknown; did you mean "parallelism"?',
    '  line 4: airflow.drain: must be a number, not "soon"',
    "  line 5: ui.port: must be at most 65535, not 99999",
    "  line 6: build: has no value: give one or remove the key",
    "  line 7: foo: unknown; known here: infrastructure, hosts, operators, airflow, dags, host, build, ui, backup, workers, database, broker, aws",
  ]);
});

test.each([
  ["", 'infrastructure: missing, must be "local" or "aws"'],
  ["- a", "must be a map, not a list"],
  ["a: [", "x.yaml is not YAML: line 1:"],
  ["a: 1\nb: 2\na: 3", "x.yaml is not YAML: line 3: Map keys must be unique"],
  ["a: *b", "Unresolved alias"],
  [local("airflow: {parallelism: 1.5}"), "airflow.parallelism: must be a whole number, not 1.5"],
  [local("airflow: {parallelism: 0}"), "airflow.parallelism: must be at least 1, not 0"],
  [local("airflow: {image: apache/airflow:3.3.2}"), "airflow.image: must name the image by digest"],
  [local("airflow: {requirements: [-r other.txt]}"), "airflow.requirements[0]: must be one requirement"],
  [local("airflow: {requirements: [--index-url=http://x]}"), "airflow.requirements[0]: must be one requirement"],
  [local('airflow: {requirements: ["pandas\\nnumpy"]}'), "airflow.requirements[0]: must be one requirement"],
  [local("airflow: {requirements: [pandas, apache-airflow==2.0]}"), "airflow.requirements[1]: must not name Airflow"],
  [local("airflow: {settings: {Core: {a: 1}}}"), "airflow.settings.Core: must be lower-case"],
  [
    local("airflow: {settings: {core: {x: [1]}}}"),
    "airflow.settings.core.x: must be a string, a number, true or false",
  ],
  ["infrastructure: existing", "hosts: missing: name the machine"],
  [local(`hosts: [{address: a, user: u, hostKey: ${HOST_KEY}}]`), "hosts: is used only with infrastructure: existing"],
  [
    `infrastructure: existing\nhosts: [{address: a, user: root, hostKey: ${HOST_KEY}}]`,
    "user: must be a user other than root",
  ],
  [
    `infrastructure: existing\nhosts: [{address: a, user: u, hostKey: x}]`,
    "hostKey: must be the host's public SSH key",
  ],
  [
    `infrastructure: existing\nhosts: [{address: a, user: u, data: /srv/airflow, hostKey: ${HOST_KEY}}]`,
    "data: must be the absolute path",
  ],
  [
    local("airflow: {settings: {core: {paralelism: 4}}}"),
    "paralelism: Airflow knows no such option; did you mean parallelism?",
  ],
  [
    local("airflow: {settings: {cor: {default_timezone: utc}}}"),
    "cor: Airflow knows no such section; did you mean core?",
  ],
  [local("airflow: {settings: {webserver: {base_url: x}}}"), "Airflow knows no such section; did you mean api?"],
  [
    local("airflow: {settings: {scheduler: {base_url: x}}}"),
    "Airflow knows no such option; did you mean api.base_url?",
  ],
  [
    local("airflow: {settings: {my_own: {x: 1}}}"),
    "my_own: Airflow and its providers in the image know no such section",
  ],
  [local("airflow: {requirements: [mine], settings: {cor: {x: 1}}}"), "did you mean core?"],
  [local("airflow: {settings: {core: {default_timezone: Europe/Pariss}}}"), '"Europe/Pariss" is no time zone'],
  [local("airflow: {settings: {core: {max_active_tasks_per_dag: many}}}"), 'must be a whole number, not "many"'],
  [local("airflow: {settings: {core: {dagbag_import_timeout: soon}}}"), 'must be a number, not "soon"'],
  [local("airflow: {settings: {scheduler: {catchup_by_default: maybe}}}"), 'must be true or false, not "maybe"'],
  [
    local("airflow: {settings: {logging: {logging_level: LOUD}}}"),
    'must be one of CRITICAL, ERROR, WARNING, INFO, DEBUG, not "LOUD"',
  ],
  [local("airflow: {settings: {core: {executor: X}}}"), "airflow.settings.core.executor: is set by provisioning"],
  [
    local("airflow: {settings: {core: {parallelism: 4}}}"),
    "airflow.settings.core.parallelism: is set by airflow.parallelism",
  ],
  [
    local("airflow: {secrets: {smtp.smtp_password: x}}"),
    "airflow.secrets.smtp.smtp_password: is no option that Airflow takes from a file; it takes atlas.password, ",
  ],
  [local("airflow: {secrets: {core.fernet_key: x}}"), "is a secret: provisioning sets it, `make secrets` edits it"],
  [local("airflow: {secrets: {sentry.sentry_dsn: jwt_secret}}"), '"jwt_secret" is one of provisioning\'s own'],
  [local("airflow: {secrets: {sentry: x}}"), "airflow.secrets.sentry: must be section.option"],
  [local("airflow: {secrets: {sentry.sentry_dsn: a-b}}"), "airflow.secrets.sentry.sentry_dsn: must be a name"],
  [
    local("airflow: {secrets: {sentry.sentry_dsn: x}, settings: {sentry: {sentry_dsn_cmd: date}}}"),
    "sentry_dsn_cmd: is another source of sentry.sentry_dsn",
  ],
  [local(`operators: [{name: ada, ssh: "${SSH}"}]`), "operators[0].age: missing, must be a string"],
  [
    local(`operators: [{name: ada, ssh: "${SSH}", age: ${AGE}, agee: x}]`),
    'operators[0].agee: unknown; did you mean "age"?',
  ],
  [local(`operators: [{name: ada, ssh: ssh-rsa, age: ${AGE}}]`), "operators[0].ssh: must be a public key"],
  [
    local(`operators: [{name: ada, ssh: "${SSH.replace("ed25519", "rsa")}", age: ${AGE}}]`),
    "operators[0].ssh: must be a public key",
  ],
  [local(`operators: [{name: ada, ssh: 'command="x" ${SSH}', age: ${AGE}}]`), "operators[0].ssh: must be a public key"],
  [local(`operators: [&a {name: ada, ssh: "${SSH}", age: ${AGE}}, *a]`), "operators: names must differ"],
  [local("build: {aptMirror: ftp://x}"), "build.aptMirror: must be an http or https URL"],
])("%j: %s", (yaml, problem) => expect(problemsIn(yaml)).toContain(problem));

test.each([
  ["build: {proxy: 'http://user:Hunter2@proxy'}", "build.proxy"],
  ["build: {pipIndex: 'htp://user:Hunter2@index'}", "build.pipIndex"],
  ["airflow: {settings: {core: {fernet_key: Hunter2}}}", "fernet_key: is a secret"],
  [
    "airflow: {settings: {sentry: {sentry_dsn: Hunter2}}}",
    "sentry_dsn: is a secret: write `sentry.sentry_dsn: a_name` under airflow.secrets",
  ],
  ['airflow: {settings: {secrets: {backend_kwargs: \'{"token": "Hunter2"}\'}}}', "backend_kwargs: is a secret"],
  [
    "airflow: {settings: {smtp: {smtp_password: Hunter2}}}",
    "smtp_password: looks like a secret, and Airflow takes this",
  ],
  ["airflow: {settings: {x: {api_token: Hunter2}}}", "api_token: looks like a secret"],
  ["airflow: {settings: {database: {sql_alchemy_conn_cmd: echo Hunter2}}}", "sql_alchemy_conn_cmd: is a secret"],
  [`operators: [{name: ada, ssh: "${SSH}", age: AGE-SECRET-KEY-1Hunter2}]`, "operators[0].age"],
])("a secret in the wrong place is not repeated: %s", (yaml, problem) => {
  const message = problemsIn(local(yaml));
  expect(message).toContain(problem);
  expect(message).not.toContain("Hunter2");
});

test.each([
  `operators: [{name: Ada Lovelace, ssh: "${SSH}", age: ${AGE}}]`,
  "airflow: {requirements: [pandas, 'pandas[a,b]>=2.3,<3', 'x==1; python_version > \"3\"', 'apache-airflow-providers-http~=5.0; sys_platform != \"darwin\"', 'y===1.0-beta+local.1']}",
  `airflow: {image: registry.example:5000/team/airflow:3.3@sha256:${"0".repeat(64)}}`,
  "airflow: {settings: {core: {default_timezone: Europe/Paris, dagbag_import_timeout: 60.5}, api: {expose_config: true}}}",
  "airflow: {requirements: [mine], settings: {my_own: {x: 1}}}",
  `airflow: {image: 'localhost/a@sha256:${"0".repeat(64)}', settings: {cor: {x: 1}}}`,
  "airflow: {settings: {celery_broker_transport_options: {visibility_timeout: 5, anything: x}}}",
  'airflow: {settings: {core: {default_timezone: system, max_active_tasks_per_dag: "16"}, logging: {logging_level: debug}}}',
  "airflow: {settings: {logging: {min_length_masked_secret: 5}, sentry: {sentry_dsn_secret: path, sentry_on: true}}}",
  "airflow: {secrets: {sentry.sentry_dsn: dsn, secrets.backend_kwargs: dsn}}",
  "build: {aptMirror: http://mirror.example/debian, pipIndex: 'https://index.example/simple', proxy: 'http://proxy:3128'}",
])("valid: %s", (yaml) => expect(parseSettings("x.yaml", local(yaml))).toBeDefined());

describe("a deployment by its name", () => {
  const directory = mkdtempSync(join(tmpdir(), "deployments-"));
  writeFileSync(join(directory, "one.yaml"), local("build: {caBundle: ~/ca.pem}"));
  writeFileSync(join(directory, "production.example.yaml"), "");

  test.each(["../etc", "Local", "-x", "a.b", "", "x".repeat(32)])("%j is no name", (name) => {
    expect(errorOf(() => loadDeployment(name, directory)).message).toContain("cannot be a deployment's name");
  });
  test("a name that does not exist lists those that do, examples aside", () => {
    expect(errorOf(() => loadDeployment("two", directory))).toMatchObject({
      message: 'no deployment "two": there is no deployments/two.yaml',
      hint: "known deployments: one",
    });
  });
  test("paths are absolute", () => {
    expect(loadDeployment("one", directory)).toMatchObject({
      name: "one",
      wantsRecovery: false,
      build: { caBundle: join(homedir(), "ca.pem") },
    });
  });
});
