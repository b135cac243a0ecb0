import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "./errors";
import { Paths, ROOT, pathsOf } from "./paths";

/** The deployment file: all that an operator edits. Descriptions become the README's table and the editors' schema. */
export const Settings = z.strictObject({
  infrastructure: z.enum(["local"]).describe("where the host is made: `local`, a systemd container on this machine"),
  operators: z
    .array(z.strictObject({ name: z.string().min(1), ssh: z.string().min(1), age: z.string().startsWith("age1") }))
    .default([])
    .describe("the team: who may log in to the host (`ssh`, a public key) and read the secrets (`age`, a recipient); empty: whoever made the keys"),
  airflow: z
    .strictObject({
      requirements: z.array(z.string().min(1)).default([]).describe("Python packages for your DAGs, as in requirements.txt"),
      image: z.string().optional().describe("a ready Airflow image by digest, from a registry, instead of building one"),
      parallelism: z.int().min(1).max(512).default(16).describe("tasks that run at once"),
      drain: z.int().min(0).max(86400).default(600).describe("seconds that a stopping scheduler waits for its running tasks"),
      settings: z
        .record(z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])))
        .default({})
        .describe("Airflow's own configuration, by section and option: `core: {default_timezone: Europe/Paris}`"),
    })
    .prefault({}),
  build: z
    .strictObject({
      caBundle: z.string().optional().describe("certificates (PEM file) that image builds trust; default: the file that SSL_CERT_FILE names"),
      aptMirror: z.string().optional().describe("Debian mirror for the images"),
      pipIndex: z.string().optional().describe("Python package index for the images"),
      proxy: z.string().optional().describe("HTTP proxy for image builds"),
    })
    .prefault({}),
  ui: z
    .strictObject({ port: z.int().min(0).max(65535).default(0).describe("port on this machine for `make ui`; 0 takes a free one") })
    .prefault({}),
  backup: z
    .strictObject({ directory: z.string().optional().describe("where `make backup` puts what it pulls") })
    .prefault({}),
});
export type Settings = Readonly<z.infer<typeof Settings>>;

export interface Deployment extends Settings {
  readonly name: string;
  readonly isLocal: boolean;
  readonly paths: Paths;
}

/** Reads and checks deployments/<name>.yaml, whole, once. Throws a UserError that names every problem. */
export function loadDeployment(name: string): Deployment {
  const file = join(ROOT, "deployments", `${name}.yaml`);
  if (!existsSync(file)) {
    const known = readdirSync(join(ROOT, "deployments")).flatMap((entry) => /^(.+)(?<!\.example)\.yaml$/.exec(entry)?.[1] ?? []);
    throw new UserError(`no deployment "${name}": there is no deployments/${name}.yaml`, `known deployments: ${known.join(", ")}`);
  }
  const parsed = Settings.safeParse(parse(readFileSync(file, "utf8")));
  if (!parsed.success) throw new UserError(`deployments/${name}.yaml is not valid: ${parsed.error.message}`);
  const isLocal = parsed.data.infrastructure === "local";
  return { ...parsed.data, name, isLocal, paths: pathsOf(name, isLocal, parsed.data.backup.directory) };
}
