import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { ROOT } from "../../provision/deployment/paths";

/** The table that lint is made from is an ES module, which jest cannot load. */
const tables = `import("./rooms.mjs").then(({ ROOMS, CLOSED }) => console.log(JSON.stringify({ ROOMS, CLOSED })))`;
const { ROOMS, CLOSED } = JSON.parse(execFileSync("node", ["-e", tables], { cwd: ROOT, encoding: "utf8" })) as {
  ROOMS: Record<string, string[]>;
  CLOSED: string[];
};

const filesOf = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
const files = [...filesOf("provision"), ...filesOf("infra")];
const sources = files.filter((file) => file.endsWith(".ts"));

interface Import {
  /** A file of the project, or a module. */
  readonly to: string;
  readonly isType: boolean;
}

/** What a file imports: static imports, re-exports, and `await import()`. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = [
    ...text.matchAll(/^(?:import|export) (type )?(?:[^;"]*? from )?"([^"]+)";/gm),
    ...text.matchAll(/\b()import\("([^"]+)"\)/g),
  ];
  return found.map(([, type, name]) => ({ to: resolved(file, name!), isType: Boolean(type) }));
}

function resolved(from: string, name: string): string {
  if (!name.startsWith(".")) return name;
  const path = join(dirname(from), name.replace(/\.js$/, ""));
  const candidates = [`${path}.ts`, join(path, "index.ts"), path];
  return candidates.find((each) => existsSync(join(ROOT, each)) && statSync(join(ROOT, each)).isFile()) ?? path;
}

const graph = new Map(sources.map((file) => [file, importsOf(file)]));
const roomOf = (file: string): string => /^provision\/([\w-]+)\//.exec(file)?.[1] ?? dirname(file).split("/")[0]!;

test("every folder of provision/ is a room of rooms.mjs, and has no folder of sources in it", () => {
  const folders = readdirSync(join(ROOT, "provision"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(ROOMS).sort());
  expect(sources.filter((file) => file.startsWith("provision/") && file.split("/").length > 3)).toEqual([]);
});

test("no two rooms import each other, not even through others", () => {
  const edges = new Map<string, Set<string>>();
  for (const [file, imports] of graph) {
    for (const { to } of imports.filter(({ to }) => graph.has(to) && roomOf(to) !== roomOf(file)))
      edges.set(roomOf(file), (edges.get(roomOf(file)) ?? new Set()).add(roomOf(to)));
  }
  expect(edges.size).toBeGreaterThan(8);
  expect(circleIn(edges)).toBeUndefined();
});

test("no file needs itself, through whatever others", () => {
  const edges = new Map(
    [...graph].map(([file, imports]) => [file, new Set(imports.filter(({ isType }) => !isType).map(({ to }) => to))]),
  );
  expect(circleIn(edges)).toBeUndefined();
});

/** A path that comes back to its beginning. */
function circleIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: string[]): string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of edges.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const circle = visit(node, []);
    if (circle) return circle;
  }
  return undefined;
}

/** Modules that reach the world outside of this program; `crypto` only computes. */
const effects = new Set(
  [...builtinModules.filter((name) => name !== "crypto" && name !== "stream"), "ssh2", "zx", "undici"].flatMap(
    (name) => [name, `node:${name}`],
  ),
);

test.each(sources.filter((file) => CLOSED.includes(roomOf(file))))(
  "%s reaches no effect, not even through others",
  (file) => {
    const reached = new Set<string>();
    const visit = (node: string): void => {
      for (const { to, isType } of graph.get(node) ?? []) {
        if (isType || reached.has(to)) continue;
        reached.add(to);
        visit(to);
      }
    };
    visit(file);
    expect([...reached].filter((to) => effects.has(to))).toEqual([]);
  },
);

test.each(files.filter((file) => /\.(ts|sh)$/.test(file)))("%s has at most 250 lines", (file) => {
  expect(readFileSync(join(ROOT, file), "utf8").split("\n").length - 1).toBeLessThanOrEqual(250);
});
