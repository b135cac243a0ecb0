import type { z } from "zod";
import { closest, distance } from "fastest-levenshtein";
import OPTIONS from "./airflow-options.json";
import { SECRET_NAMES } from "./secret-names";

/**
 * Airflow's own options that hold secrets, as `section.option`: it takes them from a file by `_CMD`, which works for no
 * other. From `conf.sensitive_config_values` of Airflow 3.3; the life suite compares.
 */
export const SENSITIVE_OPTIONS = [
  "api.secret_key",
  "api_auth.jwt_secret",
  "atlas.password",
  "celery.broker_url",
  "celery.flower_basic_auth",
  "celery.result_backend",
  "celery_broker_transport_options.sentinel_kwargs",
  "celery_result_backend_transport_options.sentinel_kwargs",
  "core.asset_manager_kwargs",
  "core.fernet_key",
  "core.sql_alchemy_conn",
  "database.sql_alchemy_conn",
  "database.sql_alchemy_conn_async",
  "database.sql_alchemy_engine_args",
  "logging.remote_task_handler_kwargs",
  "opensearch.password",
  "secrets.backend_kwargs",
  "sentry.sentry_dsn",
  "webserver.secret_key",
  "workers.secrets_backend_kwargs",
] as const;

const SECRET = "is a secret: provisioning sets it, `make secrets` edits it";
const OURS = "is set by provisioning";

/** Options that would break what provisioning sets, or that would put a secret into a file that is not secret. */
const RESERVED: Readonly<Record<string, string>> = {
  "core.fernet_key": SECRET,
  "api.secret_key": SECRET,
  "webserver.secret_key": SECRET,
  "api_auth.jwt_secret": SECRET,
  "core.sql_alchemy_conn": SECRET,
  "database.sql_alchemy_conn": SECRET,
  "database.sql_alchemy_conn_async": SECRET,
  "celery.broker_url": SECRET,
  "celery.result_backend": SECRET,
  "core.parallelism": "is set by airflow.parallelism",
  "core.executor": OURS,
  "core.auth_manager": OURS,
  "core.execution_api_server_url": OURS,
  "dag_processor.dag_bundle_config_list": OURS,
  "dag_processor.stale_bundle_cleanup_interval": OURS,
};

const isSensitive = (name: string): boolean => (SENSITIVE_OPTIONS as readonly string[]).includes(name);

/** Airflow takes `x_cmd` and `x_secret` as other sources of `x`: a command, and a path in a secrets backend. */
const sourceOf = (name: string): string => name.replace(/_(cmd|secret)$/, "");

/** `logging.min_length_masked_secret` is a number. */
const LOOKS_SECRET = /(^|_)(password|passwd|secret|token|dsn|credentials?|(private|access|api)_key)$/;
const HARMLESS = ["logging.min_length_masked_secret"];

/** What is wrong with an option of `airflow.settings`, which is a file that is no secret. */
function problemOfSetting(name: string): string | undefined {
  const reserved = RESERVED[sourceOf(name)] ?? RESERVED[name];
  if (reserved) return reserved;
  if (isSensitive(name))
    return `is a secret: write \`${name}: a_name\` under airflow.secrets, and the value of a_name with make secrets`;
  if (isSensitive(sourceOf(name)) || HARMLESS.includes(name) || !LOOKS_SECRET.test(name)) return undefined;
  return "looks like a secret, and Airflow takes this one from no file: put it into a connection (for mail: smtp_default)";
}

/** What is wrong with an option of `airflow.secrets`. */
function problemOfSecret(name: string, secret: string): string | undefined {
  const reserved = RESERVED[name];
  if (reserved) return reserved;
  if (!isSensitive(name)) {
    const known = SENSITIVE_OPTIONS.filter((option) => RESERVED[option] === undefined);
    return `is no option that Airflow takes from a file; it takes ${known.join(", ")}; for others use a connection`;
  }
  if ((SECRET_NAMES as readonly string[]).includes(secret) || secret === "database_url")
    return `"${secret}" is one of provisioning's own: choose another name`;
  return undefined;
}

/** The options of the locked Airflow with its providers, by section, with their types; `make lock` lists them. */
const KNOWN: Readonly<Record<string, Readonly<Record<string, string>>>> = OPTIONS;
/** Kombu, not Airflow, knows what may stand in these. */
const FREE = ["celery_broker_transport_options", "celery_result_backend_transport_options"];

const isNear = (name: string, known: string): boolean => distance(name, known) <= Math.max(2, known.length / 4);

/**
 * What is wrong with a section that Airflow does not know. Packages of the operator's may have sections of their own, so
 * then only one that looks like a known one is refused.
 */
function problemOfSection(section: string, options: readonly string[], hasPackages: boolean): string | undefined {
  const moved = Object.keys(KNOWN).filter((known) => options.some((option) => KNOWN[known]![option] !== undefined));
  if (moved.length > 0 && !hasPackages) return `Airflow knows no such section; did you mean ${moved.join(" or ")}?`;
  const near = closest(section, Object.keys(KNOWN));
  if (isNear(section, near)) return `Airflow knows no such section; did you mean ${near}?`;
  return hasPackages ? undefined : "Airflow and its providers in the image know no such section";
}

function problemOfOption(section: string, option: string): string | undefined {
  const known = Object.keys(KNOWN[section]!);
  if (known.includes(sourceOf(option)) || known.includes(option) || FREE.includes(section)) return undefined;
  const elsewhere = Object.keys(KNOWN).filter((other) => KNOWN[other]![option] !== undefined);
  if (elsewhere.length > 0)
    return `Airflow knows no such option; did you mean ${elsewhere.map((other) => `${other}.${option}`).join(" or ")}?`;
  const near = closest(option, known);
  return `Airflow knows no such option${isNear(option, near) ? `; did you mean ${near}?` : ` in ${section}`}`;
}

const LEVELS = ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"];

/** What is wrong with the value of a known option. Airflow reads every value from a text. */
function problemOfValue(
  option: string,
  type: string | undefined,
  value: string | number | boolean,
): string | undefined {
  const text = String(value).trim();
  if (type === "integer" && !/^[-+]?\d+$/.test(text)) return `must be a whole number, not ${JSON.stringify(value)}`;
  if (type === "float" && (text === "" || !Number.isFinite(Number(text))))
    return `must be a number, not ${JSON.stringify(value)}`;
  // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html: ConfigParser's words.
  if (type === "boolean" && !/^(t|true|1|f|false|0)$/i.test(text))
    return `must be true or false, not ${JSON.stringify(value)}`;
  if (/(^|_)timezone$/.test(option) && text !== "system" && !isTimeZone(text))
    return `${JSON.stringify(value)} is no time zone: take one like Europe/Paris, or utc`;
  if (/(^|_)logging_level$/.test(option) && text !== "" && !LEVELS.includes(text.toUpperCase()))
    return `must be one of ${LEVELS.join(", ")}, not ${JSON.stringify(value)}`;
  return undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** Settings that the deployed Airflow would ignore or stumble over. @param hasPackages whether the operator adds packages */
export function* unknownSettings(
  sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>,
  hasPackages: boolean,
): Generator<{ readonly path: readonly string[]; readonly message: string }> {
  for (const [section, options] of Object.entries(sections)) {
    // Reserved options and secrets have a message of their own.
    const names = Object.keys(options).filter((option) => problemOfSetting(`${section}.${option}`) === undefined);
    if (names.length === 0) continue;
    if (!KNOWN[section]) {
      const message = problemOfSection(section, names, hasPackages);
      if (message) yield { path: [section], message };
      continue;
    }
    for (const option of names) {
      const message =
        problemOfOption(section, option) ?? problemOfValue(option, KNOWN[section][option], options[option]!);
      if (message) yield { path: [section, option], message };
    }
  }
}

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export function checkSettings(sections: Sections, context: z.RefinementCtx): void {
  for (const [section, options] of Object.entries(sections)) {
    for (const option of Object.keys(options)) {
      const message = problemOfSetting(`${section}.${option}`);
      if (message) context.addIssue({ code: "custom", path: [section, option], message });
    }
  }
}

export function checkSecrets(secrets: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  for (const [name, secret] of Object.entries(secrets)) {
    const message = problemOfSecret(name, secret);
    if (message) context.addIssue({ code: "custom", path: [name], message });
  }
}
