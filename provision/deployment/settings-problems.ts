import { closest, distance } from "fastest-levenshtein";
import { Document, isMap, isNode, isScalar } from "yaml";
import { z } from "zod";
import { Settings } from "./settings";

type Path = readonly PropertyKey[];
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** Words a problem for the operator, with the closest known key, and with the value if it is short and not a secret. */
export function problemsOf(issue: z.core.$ZodIssue, root: unknown): Problem[] {
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: `unknown${suggestion(key, known)}` }));
  }
  if (issue.code === "invalid_key") return [{ path: issue.path, message: issue.issues[0]?.message ?? issue.message }];
  const got = issue.path.reduce<any>((value, key) => value?.[key], root);
  if (issue.code === "custom") return [{ path: issue.path, message: issue.message }];
  if (got === undefined) return [{ path: issue.path, message: `missing${wanted(issue)}` }];
  if (got === null) return [{ path: issue.path, message: "has no value: give one or remove the key" }];
  return [{ path: issue.path, message: `${sentence(issue, got)}${shown(got)}` }];
}

function sentence(issue: z.core.$ZodIssue, got?: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.expected === "string" && typeof got === "number") return "must be a string: put it in quotes";
      return `must be ${article(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => `"${String(value)}"`).join(" or ")}`;
    case "invalid_union":
      return "must be a string, a number, true or false";
    case "too_small":
      return issue.origin === "string" ? "must not be empty" : `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const article = (type: string): string =>
  ({ object: "a map", record: "a map", array: "a list", int: "a whole number", boolean: "true or false" })[type] ??
  `a ${type}`;

const wanted = (issue: z.core.$ZodIssue): string =>
  issue.code === "invalid_value" || issue.code === "invalid_type" ? `, ${sentence(issue)}` : "";

/** The value that was found, if it is short and does not look like a secret. */
function shown(value: unknown): string {
  if (typeof value === "object") return `, not ${Array.isArray(value) ? "a list" : "a map"}`;
  const json = JSON.stringify(value);
  return json.length > 80 || /secret|private|:\/\//i.test(json) ? "" : `, not ${json}`;
}

function suggestion(key: string, known: readonly string[]): string {
  const best = known.length > 0 ? closest(key, [...known]) : "";
  const isClose = best !== "" && distance(key.toLowerCase(), best.toLowerCase()) <= Math.max(2, best.length / 3);
  return isClose ? `; did you mean "${best}"?` : `; known here: ${known.join(", ")}`;
}

/** The keys that the schema knows at a path. */
function keysAt(path: Path): string[] {
  let schema: any = Settings;
  for (const key of path) {
    schema = bare(schema);
    schema = typeof key === "number" ? schema.element : schema.shape?.[key];
  }
  return Object.keys(bare(schema)?.shape ?? {});
}

const bare = (schema: any): any => (schema?._zod.def.innerType ? bare(schema._zod.def.innerType) : schema);

export const pathText = (path: Path): string =>
  path.map((key, i) => (typeof key === "number" ? `[${key}]` : `${i > 0 ? "." : ""}${String(key)}`)).join("") +
  (path.length > 0 ? ": " : "");

/** The offset in the file of the key or, if it is missing, of its closest parent. */
export function offsetOf(document: Document, path: Path): number | undefined {
  if (path.length === 0) return undefined;
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => (isScalar(key) ? String(key.value) : key) === last);
    if (isScalar(pair?.key)) return pair.key.range?.[0];
  }
  const node = document.getIn(path, true);
  return (isNode(node) ? node.range?.[0] : undefined) ?? offsetOf(document, path.slice(0, -1));
}
