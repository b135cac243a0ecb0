import { createHash, createHmac } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AIRFLOW_PORT } from "../deployment/airflow";
import type { Deployment } from "../deployment/deployment";
import { databaseUrlOf } from "./database-login";
import { Images, imagesOf } from "./images";
import { TEMPLATES } from "../deployment/paths";
import type { UploadFile } from "../change/planning";
import type { Secrets } from "../deployment/secret-names";
import { readPlugins } from "./dag-files";
import { render } from "./templates";
import { SECRETS_GROUP, SECRET_FILES } from "./wanted";

export interface ReleaseFile extends UploadFile {
  readonly sha256: string;
}

/** The files that are rendered for a host; a digest of their content is the release's name. They hold no secret. */
export interface Release {
  readonly digest: string;
  readonly files: readonly ReleaseFile[];
  /** The text of compose.yaml, which is among the files. */
  readonly composeFile: string;
  readonly images: Images;
}

/** Which service mounts which secret files: only those that it needs, as trying them one by one has shown. */
export const SECRETS_OF: Record<string, readonly string[]> = {
  postgres: [],
  migrate: ["database_url", "fernet_key", "admin_password"],
  "api-server": ["database_url", "fernet_key", "jwt_secret", "api_secret_key"],
  scheduler: ["database_url", "jwt_secret"],
  "dag-processor": ["database_url", "fernet_key"],
  triggerer: ["database_url", "fernet_key"],
};

/**
 * The files of /opt/airflow/secrets on the host: exactly the value, without a newline at the end.
 * @param operators names of the operators' own secrets that Airflow takes from a file
 */
export const secretFilesOf = (secrets: Secrets, operators: readonly string[] = []): Map<string, string> =>
  new Map([
    ...operators.map((name) => [name, secrets[name]!] as const),
    ["admin_password", secrets.admin_password],
    ["api_secret_key", secrets.api_secret_key],
    ["database_url", databaseUrlOf(secrets)],
    ["fernet_key", secrets.fernet_key],
    ["jwt_secret", secrets.jwt_secret],
  ]);

/** Names of the operators' own secrets that Airflow takes from a file, each once. */
export const operatorSecretsOf = ({ secrets }: Deployment["airflow"]): string[] =>
  [...new Set(Object.values(secrets))].sort();

/** 16 hex digits that change with the values and do not reveal them: without the key nobody can try guesses. */
export const labelOf = (key: string, ...values: readonly string[]): string =>
  createHmac("sha256", key).update(JSON.stringify(values)).digest("hex").slice(0, 16);

/** Renders the release of a deployment from templates/. */
export function makeRelease(deployment: Deployment, secrets: Secrets): Release {
  const imageFiles: UploadFile[] = filesBelow("images").map((file) =>
    file.path === "images/extra-requirements.txt"
      ? { ...file, content: deployment.airflow.requirements.map((line) => `${line}\n`).join("") }
      : file,
  );
  const plugins = readPlugins(deployment.airflow);
  imageFiles.push(...plugins.map(({ path, content }) => ({ path: `images/plugins/${path}`, content })));
  const images = imagesOf(deployment, imageFiles);
  const composeFile = renderCompose(deployment, secrets, images);
  const contents = [...imageFiles, { path: "compose.yaml", content: composeFile }];
  const files = contents
    .map((file) => ({ ...file, sha256: createHash("sha256").update(file.content).digest("hex") }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const digest = createHash("sha256")
    .update(files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(""))
    .digest("hex")
    .slice(0, 16);
  return { digest, files, composeFile, images };
}

function renderCompose({ airflow, aws }: Deployment, secrets: Secrets, images: Images): string {
  const operators = operatorSecretsOf(airflow);
  const files = secretFilesOf(secrets, operators);
  const labels = Object.entries(SECRETS_OF).map(([service, names]) => [
    service,
    labelOf(
      secrets.label_key,
      ...[...names, ...(service === "postgres" ? [] : operators)].map((name) => files.get(name)!),
    ),
  ]);
  const settings = Object.entries(airflow.settings).flatMap(([section, options]) =>
    Object.entries(options).map(([option, value]) => [`AIRFLOW__${section}__${option}`.toUpperCase(), String(value)]),
  );
  const commands = Object.entries(airflow.secrets).map(([name, secret]) => [
    `AIRFLOW__${name.replace(".", "__")}_CMD`.toUpperCase(),
    `cat /run/secrets/${secret}`,
  ]);
  return render("compose.yaml", {
    images,
    port: AIRFLOW_PORT,
    secrets: Object.fromEntries(labels) as object,
    secretsGroup: SECRETS_GROUP,
    parallelism: airflow.parallelism,
    drain: airflow.drain,
    memory: airflow.memoryMiB,
    settings: Object.fromEntries([...settings, ...commands]) as object,
    operatorSecrets: operators,
    operatorSecretFiles: Object.fromEntries(
      operators.map((name) => [name, { file: `${SECRET_FILES}/${name}` }]),
    ) as object,
    hasTaskRole: aws?.taskRole !== undefined,
  });
}

function filesBelow(directory: string): { path: string; content: string }[] {
  return readdirSync(join(TEMPLATES, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: path.slice(TEMPLATES.length + 1), content: readFileSync(path, "utf8") }));
}
