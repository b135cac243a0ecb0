import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { preProcessFile } from "typescript";
import { ROOT } from "../../provision/deployment/paths";

/** The table that lint is made from is an ES module, which jest cannot load. */
const tables = `import("./rooms.mjs").then((tables) => console.log(JSON.stringify({ ...tables })))`;
const { ROOMS, CLOSED, PURE, VERBS, INFRA } = JSON.parse(
  execFileSync("node", ["-e", tables], { cwd: ROOT, encoding: "utf8" }),
) as {
  ROOMS: Record<string, string[]>;
  CLOSED: string[];
  PURE: string[];
  VERBS: { mayImport: string[] };
  INFRA: { mayImport: string[] };
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

/** What a file imports in any way that TypeScript knows, `import()` and `require()` among them. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const types = new Set(
    [...text.matchAll(/^(?:import|export) type [^;"]*? from "([^"]+)";/gm)].map(([, name]) => name!),
  );
  return preProcessFile(text, true, true).importedFiles.map(({ fileName }) => ({
    to: resolved(file, fileName),
    isType: types.has(fileName),
  }));
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

/** `deployment/paths` may be imported if the list has `deployment`, or this very file. */
const isIn = (list: readonly string[], file: string): boolean =>
  list.some((entry) => file === `provision/${entry}.ts` || file.startsWith(`provision/${entry}/`));
const mayImport = (file: string): readonly string[] => {
  if (file.startsWith("infra/")) return INFRA.mayImport;
  return roomOf(file) === "provision" ? [...Object.keys(ROOMS), ...VERBS.mayImport] : ROOMS[roomOf(file)]!;
};

test.each(sources)("%s imports what rooms.mjs allows, by whatever way it writes the path", (file) => {
  const others = graph
    .get(file)!
    .map(({ to }) => to)
    .filter(
      (to) => /^(provision|infra|tests)\//.test(to) && (roomOf(to) !== roomOf(file) || roomOf(to) === "provision"),
    );
  const inside = (to: string): boolean => file.startsWith("infra/") && to.startsWith("infra/");
  expect(others.filter((to) => !inside(to) && !/\.json$/.test(to) && !isIn(mayImport(file), to))).toEqual([]);
});

test.each(sources.filter((file) => CLOSED.includes(roomOf(file))))(
  "%s reaches nothing but pure modules, not even through others",
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
    expect([...reached].filter((to) => !graph.has(to) && !PURE.includes(to))).toEqual([]);
  },
);

test("provision/ and infra/ hold TypeScript, and what is no program", () => {
  const known = /\.(ts|sh|json|gpg)$/;
  expect(files.filter((file) => !known.test(file))).toEqual([]);
});

test("lint is switched off only where control characters are what a line is about", () => {
  const found = sources.filter((file) => readFileSync(join(ROOT, file), "utf8").includes("eslint-disable"));
  expect(found).toEqual(["provision/api/dag-conf.ts", "provision/base/text.ts"]);
});

test("./run takes no helper for a verb", () => {
  const [, names] = /const NO_VERBS = (\[.*?\]);/.exec(readFileSync(join(ROOT, "run"), "utf8"))!;
  expect(JSON.parse(names!)).toEqual(VERBS.mayImport);
});

test.each(files.filter((file) => /\.(ts|sh)$/.test(file)))("%s has at most 250 lines", (file) => {
  expect(readFileSync(join(ROOT, file), "utf8").split("\n").length - 1).toBeLessThanOrEqual(250);
});
