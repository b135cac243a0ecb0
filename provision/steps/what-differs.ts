import { parse } from "yaml";

/** Compares services of two compose files. */
export class ComposeDifference {
  private readonly before: Services | undefined;
  private readonly after: Services;

  /** @param before the text of the compose file that runs; undefined if there is none */
  constructor(before: string | undefined, after: string) {
    this.before = before === undefined ? undefined : servicesOf(before);
    this.after = servicesOf(after);
  }

  /** Names of the settings that differ, like `environment.AIRFLOW__CORE__PARALLELISM`; undefined if there is no file that runs. */
  of(service: string): readonly string[] | undefined {
    if (!this.before) return undefined;
    const [old, now] = [flatten(this.before[service] ?? {}), flatten(this.after[service] ?? {})];
    return [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((key) => old[key] !== now[key]);
  }
}

type Services = Readonly<Record<string, object>>;

const servicesOf = (text: string): Services => (parse(text, { merge: true }) as { services: Services }).services;

function flatten(value: unknown, prefix = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [prefix]: value };
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, inner]) => flatten(inner, prefix ? `${prefix}.${key}` : key)),
  ) as Record<string, unknown>;
}
