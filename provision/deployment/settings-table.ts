import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { costTable } from "../aws/aws-cost";
import { print } from "../base/output";
import { ROOT } from "./paths";
import { Settings } from "./settings";

/** The schema as JSON Schema, for editors: deployments/schema.json. */
export const jsonSchema = (): string =>
  `${JSON.stringify(z.toJSONSchema(Settings, { io: "input", target: "draft-7" }), undefined, 2)}\n`;

/** The settings as a Markdown table: path, type, default, meaning. */
export function settingsTable(): string {
  const rows = rowsOf(z.toJSONSchema(Settings, { io: "input" }) as Node, "");
  return ["| setting | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** Documents that hold a table of today, between `<!-- name -->` and `<!-- /name -->`. */
export const TABLES = [
  { file: "README.md", name: "settings", table: settingsTable },
  { file: "docs/aws.md", name: "costs", table: costTable },
] as const;

/** The document with the table in its place. */
export function withTable(document: string, { file, name, table }: (typeof TABLES)[number]): string {
  const [before, , after] = document.split(new RegExp(`(?<=<!-- ${name} -->\\n)([\\s\\S]*)(?=<!-- /${name} -->)`));
  if (after === undefined) throw new Error(`${file} lacks <!-- ${name} --> … <!-- /${name} -->`);
  return `${before}\n${table()}\n\n${after}`;
}

interface Node {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly required?: readonly string[];
}

function rowsOf(node: Node, prefix: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    if (child.properties) return rowsOf(child, `${path}.`);
    const fallback = node.required?.includes(name) ? "required" : defaultOf(child);
    return [`| \`${path}\` | ${typeOf(child)} | ${fallback} | ${(child.description ?? "").replaceAll("|", "\\|")} |`];
  });
}

const defaultOf = ({ default: value }: Node): string => (value === undefined ? "–" : `\`${JSON.stringify(value)}\``);

function typeOf(node: Node): string {
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(", ");
  if (node.type === "integer") return "whole number";
  if (node.type === "object") return "map";
  if (node.type !== "array") return node.type ?? "any";
  const keys = Object.keys(node.items?.properties ?? {});
  return keys.length > 0 ? `list of \`{${keys.join(", ")}}\`` : `list of ${node.items?.type}s`;
}

if (require.main === module && process.argv.includes("--write")) {
  for (const each of TABLES) {
    const file = join(ROOT, each.file);
    writeFileSync(file, withTable(readFileSync(file, "utf8"), each));
  }
  writeFileSync(join(ROOT, "deployments/schema.json"), jsonSchema());
  print(`wrote ${TABLES.map(({ file, name }) => `${file} (${name})`).join(", ")} and deployments/schema.json`);
}
