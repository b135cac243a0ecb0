import { z } from "zod";
import { Settings } from "./settings";

/** The schema as JSON Schema, for editors: deployments/schema.json. */
export const jsonSchema = (): string =>
  `${JSON.stringify(z.toJSONSchema(Settings, { io: "input", target: "draft-7" }), undefined, 2)}\n`;

/** The settings as a Markdown table: path, type, default, meaning. */
export function settingsTable(): string {
  const rows = rowsOf(z.toJSONSchema(Settings, { io: "input" }) as Node, "");
  return ["| setting | type | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
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
