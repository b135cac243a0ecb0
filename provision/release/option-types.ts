/** Airflow's config.yml, and what a provider adds to it: only what is used here. */
export type ConfigSections = Readonly<
  Record<string, { readonly options?: Readonly<Record<string, { readonly type?: string | null }>> | null }>
>;

/** The type of each option, by section: what Airflow's own configuration says, `any` where it says none. */
export function optionTypes(parts: readonly ConfigSections[]): Record<string, Record<string, string>> {
  const types: Record<string, Record<string, string>> = {};
  for (const part of parts)
    for (const [section, { options }] of Object.entries(part))
      for (const [option, { type }] of Object.entries(options ?? {}))
        (types[section.toLowerCase()] ??= {})[option.toLowerCase()] ??= type || "any";
  return sorted(Object.entries(types).map(([section, options]) => [section, sorted(Object.entries(options))]));
}

const sorted = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * Prints, as JSON, the options of the providers below a folder of packages, and those that Airflow has defaults for although
 * their provider is not there.
 */
export const PROVIDER_CONFIG = `import configparser, json, pathlib, runpy, sys
root = pathlib.Path(sys.argv[1], "airflow")
parts = [runpy.run_path(str(file))["get_provider_info"]().get("config") or {} for file in sorted(root.glob("providers/**/get_provider_info.py"))]
defaults = configparser.RawConfigParser()
defaults.read(root / "config_templates/provider_config_fallback_defaults.cfg")
parts.append({name: {"options": {option: {} for option in defaults[name]}} for name in defaults.sections()})
print(json.dumps(parts))`;
