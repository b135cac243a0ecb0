import { z } from "zod";
import { checkSecrets, checkSettings, unknownSettings } from "./airflow-options";
import { AwsSettings } from "./aws-settings";
import { isPublic, parseNetwork } from "./networks";
import { existingHost, operator, text } from "./people-and-hosts";

const requirement = text(
  // No option (` --x`), URL, path, variable or comment, and no end of line of any kind: pip would obey it.
  /^[A-Za-z\d]([\w.-]*[A-Za-z\d])? *(\[[\w ,.-]*\])? *(([~=!<>]=|===|[<>]|;)([\w.,~=!<>*+"'() ;]|(?<! )-)+)?$/,
  "must be one requirement as in requirements.txt, like `pandas>=2.3,<3`, without options and URLs",
).refine(
  (value) => !/^apache[-_.]airflow\s*($|[^\w\s.-])/i.test(value),
  "must not name Airflow: this project locks its version",
);

const url = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL" })
  .refine((value) => !/^\w+:\/\/[^/]*@/.test(value), "must not hold a user or password: this file is not secret");

const word = text(/^[a-z][a-z0-9_]*$/, "must be lower-case letters, digits and _, as in airflow.cfg");

const memory = z.int().min(256).max(4_194_304);

/** The deployment file: everything that an operator edits. Descriptions become the table of docs/settings.md and editors' schema. */
const Fields = z.strictObject({
  infrastructure: z
    .enum(["local", "aws", "existing"])
    .describe(
      "where the host is: `local`, made on this machine as a systemd container; `aws`, made as an EC2 instance; `existing`, a machine of yours, which `hosts` names",
    ),
  hosts: z
    .array(existingHost)
    .max(1, "one host is all that works yet")
    .default([])
    .describe(
      "with `existing`, the machine: `address`, `port` (22), `user` (with passwordless sudo), `hostKey` (its public SSH key), `data` (a folder, or an empty block device, for `/srv/airflow`; without it something must be mounted there already)",
    ),
  operators: z
    .array(operator)
    .refine((team) => new Set(team.map(({ name }) => name)).size === team.length, "names must differ")
    .default([])
    .describe(
      "the team: who may log in to the host (`ssh`, a public key) and read the secrets (`age`, a recipient), on AWS from which networks (`cidrs`); if it is empty, the person who made the keys",
    ),
  airflow: z
    .strictObject({
      requirements: z.array(requirement).default([]).describe("Python packages for your DAGs, as in requirements.txt"),
      image: text(
        /^[\w.-]+(:\d+)?(\/[\w.-]+)*(:[\w.-]+)?@sha256:[0-9a-f]{64}$/,
        "must name the image by digest: registry/name@sha256:…",
      )
        .optional()
        .describe("a ready Airflow image in a registry, named by digest; without it, one is built on the host"),
      plugins: z
        .string()
        .min(1)
        .optional()
        .describe(
          "folder of Airflow's plugins, relative to the checkout; without it, `plugins` if there is one. They become part of the image: `make provision` brings a change",
        ),
      parallelism: z
        .int()
        .min(1)
        .max(512)
        .default(8)
        .describe("tasks that run at once; the processes that run them use memory even when idle"),
      drain: z
        .int()
        .min(0)
        .max(86400)
        .default(600)
        .describe("seconds that a stopping scheduler waits for its running tasks"),
      memoryMiB: z
        .strictObject({
          scheduler: memory
            .optional()
            .describe(
              "most memory of the scheduler and all tasks together: what they need and 512; without it, all that the host has. Where it runs out, the largest task is killed",
            ),
          "api-server": memory.default(1024).describe("most memory of the api-server"),
          "dag-processor": memory
            .default(768)
            .describe("most memory of the dag-processor, which imports the DAG files"),
          triggerer: memory.default(768).describe("most memory of the triggerer, where deferred tasks wait"),
          postgres: memory.default(1024).describe("most memory of Postgres"),
        })
        .prefault({}),
      settings: z
        .record(word, z.record(word, z.union([z.string(), z.number(), z.boolean()])))
        .superRefine(checkSettings)
        .default({})
        .describe("Airflow's own configuration, by section and option: `core: {default_timezone: Europe/Paris}`"),
      secrets: z
        .record(
          text(/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/, "must be section.option, as in airflow.cfg"),
          text(/^[a-z][a-z0-9_]*$/, "must be a name among the secrets: lower-case letters, digits and _"),
        )
        .superRefine(checkSecrets)
        .default({})
        .describe(
          "options of Airflow's that are secrets, by the name of each in `make secrets`: `sentry.sentry_dsn: sentry_dsn`",
        ),
    })
    .prefault({}),
  dags: z
    .strictObject({
      directory: z
        .string()
        .min(1)
        .optional()
        .describe("folder of this deployment's DAGs, relative to the checkout; without it, `dags`"),
    })
    .prefault({}),
  host: z
    .strictObject({
      updates: z
        .enum(["security", "none"])
        .default("security")
        .describe(
          "`security`: the host installs its system's security updates each night, without Docker's and without a reboot; `none`: it installs none by itself",
        ),
    })
    .prefault({}),
  build: z
    .strictObject({
      caBundle: z
        .string()
        .min(1)
        .optional()
        .describe("certificates (PEM file) that image builds trust; without it, the file that `SSL_CERT_FILE` names"),
      aptMirror: url.optional().describe("Debian mirror for the images"),
      pipIndex: url.optional().describe("Python package index for the images"),
      proxy: url.optional().describe("HTTP proxy for image builds"),
    })
    .prefault({}),
  ui: z
    .strictObject({
      port: z
        .int()
        .min(0)
        .max(65535)
        .optional()
        .describe(
          "port on this machine for `make ui`; without it, one made from the deployment's name; 0 takes any free one",
        ),
    })
    .prefault({}),
  backup: z
    .strictObject({
      directory: z
        .string()
        .min(1)
        .optional()
        .describe(
          "folder to which `make backup` pulls backups; without it, `~/airflow-backups/<deployment>`, for a local host `state/<deployment>/backups`",
        ),
      keep: z
        .int()
        .min(1)
        .max(1000)
        .default(7)
        .describe("backups that stay on the host; older ones are deleted when a new one is verified"),
    })
    .prefault({}),
  workers: notYet(z.int(), 0).describe("hosts for Celery workers; only 0 works yet: tasks run on the one host"),
  database: notYet(z.enum(["container", "rds"]), "container").describe(
    "where the database runs; `rds` does not work yet",
  ),
  broker: notYet(z.enum(["container", "elasticache"]), "container").describe(
    "where Celery's broker will run; `elasticache` does not work yet",
  ),
  aws: AwsSettings.optional(),
});
type Fields = z.infer<typeof Fields>;

/** One schema, so that all problems are reported at once. In what it returns, only EC2's deployments have an `aws`. */
export const Settings = Fields.superRefine((settings, context) => {
  for (const problem of inconsistencies(settings)) context.addIssue({ code: "custom", ...problem });
});
export type Settings = Readonly<Omit<Fields, "infrastructure" | "aws">> &
  (
    | { readonly infrastructure: "local" | "existing"; readonly aws?: undefined }
    | { readonly infrastructure: "aws"; readonly aws: AwsSettings }
  );

/** Problems of settings that contradict each other. */
function* inconsistencies({
  infrastructure,
  hosts,
  operators,
  airflow,
  aws,
}: Fields): Generator<{ path: PropertyKey[]; message: string }> {
  if (infrastructure === "aws" && !aws) yield { path: ["aws"], message: "missing: give at least account and region" };
  if (infrastructure === "existing" && hosts.length === 0)
    yield { path: ["hosts"], message: "missing: name the machine: [{address, user, hostKey}]" };
  if (infrastructure !== "existing" && hosts.length > 0)
    yield { path: ["hosts"], message: "is used only with infrastructure: existing; change one of them" };
  if (infrastructure !== "aws" && aws)
    yield { path: ["aws"], message: "is used only with infrastructure: aws; change one of them" };
  // A ready image may hold another Airflow than the locked one.
  if (!airflow.image)
    for (const { path, message } of unknownSettings(airflow.settings, airflow.requirements.length > 0))
      yield { path: ["airflow", "settings", ...path], message };
  for (const name of Object.keys(airflow.secrets)) {
    const [section, option] = name.split(".") as [string, string];
    for (const source of [`${option}_cmd`, `${option}_secret`])
      if (airflow.settings[section]?.[source] !== undefined)
        yield {
          path: ["airflow", "settings", section, source],
          message: `is another source of ${name}, which is under airflow.secrets`,
        };
  }
  const access = infrastructure === "aws" ? aws?.access : undefined;
  for (const [i, { name, cidrs = [] }] of operators.entries()) {
    const path = ["operators", i, "cidrs"];
    if (cidrs.length > 0 && infrastructure !== "aws") yield { path, message: "is used only with infrastructure: aws" };
    if (cidrs.length > 0 && (access === "ssm" || access === "eice"))
      yield { path, message: `has no effect with aws.access: ${access}: remove it, or set access: direct` };
    if (access !== "direct") continue;
    for (const [j, cidr] of cidrs.entries()) {
      const network = parseNetwork(cidr);
      if (network && !isPublic(network))
        yield {
          path: [...path, j],
          message: `"${cidr}" is a private network: give the public address that ${name} comes from`,
        };
    }
  }
  if (access === "direct" && operators.length > 0 && operators.every(({ cidrs = [] }) => cidrs.length === 0))
    yield {
      path: ["operators"],
      message: "nobody could log in: give cidrs, the networks that they come from, or set another aws.access",
    };
  if (new Set(operators.flatMap(({ cidrs = [] }) => cidrs)).size > 50)
    yield { path: ["operators"], message: "more than 50 networks: a security group holds only 60 rules" };
  if (aws?.state === "local" && operators.length > 1)
    yield { path: ["aws", "state"], message: "a team must share its state: set state: s3, then run make state-bucket" };
}

/** A setting of which only one value works yet. */
function notYet<T extends z.ZodType>(type: T, only: z.infer<T> & {}) {
  return type
    .refine((value) => value === only, `must be ${JSON.stringify(only)}: nothing else works yet`)
    .default(only as any);
}
