import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../../../provision/deployment/paths";

/** Terraform's types as JSON: `"string"`, `["list", "string"]`, `["object", {…}]`. */
export type Type = string | [string, Type] | ["object", Record<string, Type>];
export interface Attribute {
  readonly type: Type;
  readonly required?: boolean;
  readonly optional?: boolean;
  readonly computed?: boolean;
}
export interface Nested {
  readonly block: Block;
  readonly nesting: number;
  readonly min: number;
  readonly max: number;
}
export interface Block {
  readonly attributes: Record<string, Attribute>;
  readonly blocks: Record<string, Nested>;
}
/** The protocol's numbers. */
export const NESTING = { single: 1, list: 2, set: 3 };

const LIB = join(dirname(require.resolve("@cdktf/provider-aws/package.json")), "lib");

export interface Schemas {
  readonly provider: Block;
  readonly resources: Record<string, Block>;
  readonly sources: Record<string, Block>;
}

/** The schemas of all that infra/ imports from the AWS bindings. */
export function schemas(): Schemas {
  const folder = join(ROOT, "infra/constructs/aws");
  const text = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .join("\n");
  const names = new Set([...text.matchAll(/@cdktf\/provider-aws\/lib\/([a-z0-9-]+)"/g)].map(([, name]) => name!));
  const bindings = [...names].filter((name) => name !== "provider").map(readBinding);
  const of = (kind: Binding["kind"]) =>
    Object.fromEntries(bindings.filter((found) => found.kind === kind).map(({ type, schema }) => [type, schema]));
  return { provider: readBinding("provider").schema, resources: of("Resource"), sources: of("DataSource") };
}

const SIMPLE: Record<string, Type> = {
  string: "string",
  number: "number",
  boolean: "bool",
  any: "dynamic",
  stringList: ["list", "string"],
  numberList: ["list", "number"],
  booleanList: ["list", "bool"],
  stringMap: ["map", "string"],
  numberMap: ["map", "number"],
  booleanMap: ["map", "bool"],
  anyMap: ["map", "dynamic"],
  stringMapList: ["list", ["map", "string"]],
  stringListList: ["list", ["list", "string"]],
};
/** By the name of a binding's getter, `getStringAttribute`, and of its computed classes, `cdktf.StringMap`. */
const GETTER: Record<string, Type> = {
  String: "string",
  Number: "number",
  Boolean: "bool",
  List: ["list", "string"],
  NumberList: ["list", "number"],
  StringMap: ["map", "string"],
  BooleanMap: ["map", "bool"],
  NumberMap: ["map", "number"],
};

/** One property as the binding's `…ToHclTerraform` describes it. */
interface Entry {
  readonly name: string;
  readonly value: string;
  readonly kind: string;
  readonly storage: string;
}

const entries = (text: string): Entry[] =>
  [
    ...text.matchAll(
      /(\w+): \{\s*value: ([^\n]*),\s*isBlock: (?:true|false),\s*type: "(\w+)",\s*storageClassType: "(\w+)",\s*\}/g,
    ),
  ].map(([, name, value, kind, storage]) => ({ name: name!, value: value!, kind: kind!, storage: storage! }));

interface Binding {
  readonly type: string;
  readonly kind: "Resource" | "DataSource" | "Provider";
  readonly schema: Block;
}

function readBinding(name: string): Binding {
  const js = readFileSync(join(LIB, name, "index.js"), "utf8");
  const types = readFileSync(join(LIB, name, "index.d.ts"), "utf8");
  const structs = new Map(
    [...js.matchAll(/\nfunction (\w+)ToHclTerraform\(struct\) \{([\s\S]*?)\n\}/g)].map(([, struct, body]) => [
      struct!.toLowerCase(),
      entries(body!),
    ]),
  );
  const classes = new Map(
    [...js.matchAll(/\nclass (\w+) extends [\w.]+ \{([\s\S]*?)\n\}\n/g)].map(([, found, body]) => [found!, body!]),
  );
  /** Interface → the properties without a question mark. */
  const required = new Map(
    [...types.matchAll(/export interface (\w+)[^{]*\{([\s\S]*?)\n\}/g)].map(([, found, body]) => [
      found!,
      new Set(
        [...body!.matchAll(/#(\w+) [\s\S]*?readonly \w+(\??):/g)]
          .filter(([, , optional]) => !optional)
          .map(([, property]) => property!),
      ),
    ]),
  );

  const build = (list: readonly Entry[], className: string, face: string): Block => {
    const block: Block = { attributes: {}, blocks: {} };
    const must = required.get(face) ?? new Set<string>();
    for (const entry of list) {
      const isList = entry.storage.endsWith("List") && !SIMPLE[entry.storage];
      const inner = isList ? entry.storage.slice(0, -4) : entry.storage;
      const struct = SIMPLE[entry.storage] ? undefined : structs.get(inner.toLowerCase());
      const isRequired = must.has(entry.name);
      const flags = isRequired ? { required: true } : { optional: true, computed: true };
      if (!struct) {
        const simple = SIMPLE[entry.storage] ?? "dynamic";
        const type: Type = entry.kind === "set" && Array.isArray(simple) ? ["set", simple[1] as Type] : simple;
        block.attributes[entry.name] = { type, ...flags };
        continue;
      }
      const nested = build(struct, `${inner}OutputReference`, inner);
      if (/listMapperHcl\(\w+, false\)/.test(entry.value)) {
        block.attributes[entry.name] = { type: [entry.kind === "set" ? "set" : "list", objectOf(nested)], ...flags };
      } else {
        const isTimeouts = entry.name === "timeouts";
        block.blocks[entry.name] = {
          block: nested,
          min: isRequired ? 1 : 0,
          max: isList || isTimeouts ? 0 : 1,
          nesting: isTimeouts ? NESTING.single : entry.kind === "set" ? NESTING.set : NESTING.list,
        };
      }
    }
    const body = classes.get(className) ?? "";
    const computed = (property: string, type: Type): void => {
      if (!block.attributes[property] && !block.blocks[property]) block.attributes[property] = { type, computed: true };
    };
    for (const [, getter, property] of body.matchAll(/this\.get(\w+)Attribute\('(\w+)'\)/g))
      computed(property!, GETTER[getter!] ?? "dynamic");
    for (const [, found, list, property] of body.matchAll(/= new cdktf\.(\w+?)(List)?\(this, "(\w+)"/g))
      computed(property!, list ? ["list", ["map", "string"]] : (GETTER[found!] ?? "dynamic"));
    for (const [, found, property, isSet] of body.matchAll(/= new (\w+)List\(this, "(\w+)", (true|false)\)/g)) {
      const nested = build(structs.get(found!.toLowerCase()) ?? [], `${found}OutputReference`, found!);
      computed(property!, [isSet === "true" ? "set" : "list", objectOf(nested)]);
    }
    return block;
  };

  const [, className, kind] = /\nclass (\w+) extends cdktf\.Terraform(Resource|Provider|DataSource) \{/.exec(js)!;
  const body = classes.get(className!)!;
  const list = entries(body.slice(body.indexOf("synthesizeHclAttributes")));
  const schema = build(list, className!, `${className}Config`);
  const [, type] = /tfResourceType = "(\w+)"/.exec(js)!;
  if (kind === "Provider") {
    const attributes = Object.entries(schema.attributes).map(([key, value]) => [key, { ...value, computed: false }]);
    return { type: type!, kind, schema: { ...schema, attributes: Object.fromEntries(attributes) } };
  }
  schema.attributes["id"] ??= { type: "string", optional: true, computed: true };
  return { type: type!, kind: kind as Binding["kind"], schema };
}

const objectOf = ({ attributes, blocks }: Block): ["object", Record<string, Type>] => [
  "object",
  Object.fromEntries<Type>([
    ...Object.entries(attributes).map(([key, { type }]): [string, Type] => [key, type]),
    ...Object.entries(blocks).map(([key, { nesting, block }]): [string, Type] => [
      key,
      [nesting === NESTING.set ? "set" : "list", objectOf(block)],
    ]),
  ]),
];
