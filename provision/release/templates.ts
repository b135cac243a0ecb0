import Handlebars from "handlebars";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors";
import { TEMPLATES } from "../deployment/paths";

/** JSON, which is YAML, too, with every `$` doubled for compose. It throws for a missing value, which Handlebars passes on to helpers silently. */
function json(value: unknown, options?: unknown): string {
  if (value === undefined || options === undefined) throw new Error("{{json}} was given an undefined value");
  return JSON.stringify(value).replaceAll("$", () => "$$");
}

/** The text of a file below templates/. */
export const readTemplate = (name: string): string => readFileSync(join(TEMPLATES, name), "utf8");

/** Renders templates/<name>.hbs. @throws UserError if `values` lacks a value that the template names */
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
