import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Document, LineCounter, parseDocument } from "yaml";
import { UserError } from "../base/errors";
import { DEPLOYMENTS, Paths, absolute, pathsOf } from "./paths";
import { Settings } from "./settings";
import { offsetOf, pathText, problemsOf } from "./settings-problems";

export type Deployment = Settings & {
  readonly name: string;
  /** Whether `make keypair` asks for a recovery recipient, so that the secrets can be read after a laptop is lost. */
  readonly wantsRecovery: boolean;
  readonly paths: Paths;
};
/** A deployment on EC2. */
export type AwsDeployment = Extract<Deployment, { readonly infrastructure: "aws" }>;

/** Returns a deployment on EC2. @throws UserError with this message and hint for any other deployment */
export function onlyOnAws(deployment: Deployment, message: string, hint: string): AwsDeployment {
  if (deployment.infrastructure === "aws") return deployment;
  throw new UserError(message, hint);
}

/** Reads and checks deployments/<name>.yaml. @throws UserError that names every problem in it */
export function loadDeployment(name: string, directory = DEPLOYMENTS): Deployment {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) {
    throw new UserError(
      `"${name}" cannot be a deployment's name`,
      "take 1 to 31 lower-case letters, digits and -, beginning with a letter",
    );
  }
  const file = join(directory, `${name}.yaml`);
  if (!existsSync(file)) {
    throw new UserError(
      `no deployment "${name}": there is no deployments/${name}.yaml`,
      `known deployments: ${knownDeployments(directory).join(", ") || "none"}`,
    );
  }
  const settings = parseSettings(`deployments/${name}.yaml`, readFileSync(file, "utf8"));
  const { caBundle } = settings.build;
  return {
    ...settings,
    build: { ...settings.build, ...(caBundle && { caBundle: absolute(caBundle) }) },
    name,
    wantsRecovery: settings.infrastructure !== "local",
    paths: pathsOf(name, settings.infrastructure, settings.backup.directory),
  };
}

/** The names of the deployment files. */
export const knownDeployments = (directory = DEPLOYMENTS): string[] =>
  readdirSync(directory).flatMap((entry) => /^([a-z][a-z0-9-]*)\.yaml$/.exec(entry)?.[1] ?? []);

/** Parses and checks a deployment file's text. @throws UserError: one for all problems, each with its line and path */
export function parseSettings(source: string, content: string): Settings {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => `line ${lineOf(pos[0])}: ${message}`);
    throw invalid(`${source} is not YAML`, problems);
  }
  const value: unknown = valueOf(source, document) ?? {};
  const parsed = Settings.safeParse(value);
  if (parsed.success) return parsed.data as Settings;
  const problems = parsed.error.issues
    .flatMap((issue) => problemsOf(issue, value))
    .map(({ path, message }) => ({ offset: offsetOf(document, path), text: `${pathText(path)}${message}` }))
    .sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0))
    .map(({ offset, text }) => (offset === undefined ? text : `line ${lineOf(offset)}: ${text}`));
  throw invalid(`${source} is not valid`, problems);
}

/** toJS finds what the parser does not: an alias without its anchor, too many aliases. */
function valueOf(source: string, document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw invalid(`${source} is not YAML`, [(error as Error).message]);
  }
}

const invalid = (message: string, problems: readonly string[]) =>
  new UserError(
    problems.length === 1 ? `${message}: ${problems[0]}` : [`${message}:`, ...problems].join("\n  "),
    "docs/settings.md has every setting and its default",
  );
