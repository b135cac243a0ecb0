import Handlebars from "handlebars";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors";
import { TEMPLATES } from "../deployment/paths";

/** JSON is YAML; every `$` is doubled for compose. Handlebars hands a missing argument to a helper in silence: this one throws. */
function json(value: unknown, options?: unknown): string {
  if (value === undefined || options === undefined) throw new Error("a value that {{json}} is given is not defined");
  return JSON.stringify(value).replaceAll("$", () => "$$");
}

/** A file below templates/ as it is. */
export const readTemplate = (name: string): string => readFileSync(join(TEMPLATES, name), "utf8");

/** Renders templates/<name>.hbs; a value that the template names and `values` lacks is a UserError. */
export function render(name: string, values: object): string {
  const source = readTemplate(`${name}.hbs`);
  try {
    // noEscape: these files are YAML, not HTML.
    return Handlebars.compile(source, { strict: true, noEscape: true })(values, { helpers: { json } });
  } catch (cause) {
    throw new UserError(
      `templates/${name}.hbs: ${(cause as Error).message}`,
      "give the value in provision/release/release.ts",
      { cause },
    );
  }
}
