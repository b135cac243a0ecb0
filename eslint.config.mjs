import tseslint from "typescript-eslint";
import { CLOSED, DOORS, INFRA, ROOMS, VERBS } from "./rooms.mjs";

/** Modules of Node through which a program reaches the world. */
const effects = ["fs", "fs/promises", "child_process", "net", "http", "https", "os", "timers", "timers/promises"];

const restricted = (patterns) => ({ "@typescript-eslint/no-restricted-imports": ["error", { patterns }] });

/** A library with one door: whoever else imports it, also with `await import()`, is told where the door is. */
const closedDoors = (file) =>
  DOORS.filter(({ door }) => !`${file}`.startsWith(door)).map(({ name, door }) => ({
    regex: `^${name}(/|$)`,
    message: `${name} has one door: ${door}`,
  }));
const dynamicImports = (file) =>
  closedDoors(file).map(({ regex, message }) => ({
    selector: `ImportExpression[source.value=/${regex.replaceAll("/", "\\/")}/]`,
    message,
  }));

/** Imports of rooms that are not in the list; an entry is a room, or one file of it. */
const otherRooms = (room, mayImport) => ({
  regex: `^\\.\\./(?!(${mayImport.map((entry) => (entry.includes("/") ? `${entry}$` : `${entry}/`)).join("|") || "-"}))`,
  message: `${room}/ may import ${mayImport.join(", ") || "nothing of another room"}: see rooms.mjs`,
});
const verbsOnly = {
  regex: `^\\./(?!(${VERBS.mayImport.join("|")})$|[\\w-]+/)|^\\.\\./`,
  message: "a verb imports rooms, never another verb, nor infra/",
};
const infraOnly = {
  regex: `/provision/(?!(${INFRA.mayImport.join("|")})/)`,
  message: `infra/ may import ${INFRA.mayImport.join(", ")}: it does not know how hosts are provisioned`,
};
const cdktf = { regex: "^(cdktf|constructs|@cdktf/)", message: "cdktf stays under infra/" };
const barrel = {
  regex: "^@cdktf/provider-[a-z]+$",
  message: "import @cdktf/provider-x/lib/<resource>: the barrel takes 5 s to load",
};
const pure = {
  regex: `^(node:)?(${effects.join("|")})$`,
  message: "a step is pure: facts and actions are data, whoever runs them is elsewhere",
};

const syntax = (...rules) => ({ "no-restricted-syntax": ["error", ...rules] });
const stdout = {
  selector:
    "MemberExpression[object.name='process'][property.name=/^(stdout|stderr)$/]:not(MemberExpression[property.name=/^(isTTY|columns)$/] > *)",
  message: "provision/base/screen.ts prints",
};
const command = {
  selector: "NewExpression[callee.name='Command']",
  message: "sh`…` makes a command from values, script(…) from a text: provision/base/shell.ts",
};
const anyImport = {
  selector: "ImportExpression:not([source.type='Literal'])",
  message: "import() takes the name itself, so that lint can read it",
};
const signals = {
  selector:
    "CallExpression[callee.object.name='process'][callee.property.name=/^(on|once|addListener|prepend\w*)$/]:not([arguments.0.value='exit'])",
  message: "provision/base/signals.ts handles signals",
};

/** The rules of a file or room; `file` is where the doors are that it may use. */
const rules = (file, patterns, except = []) => ({
  ...restricted([...closedDoors(file), ...patterns]),
  ...syntax(...[stdout, command, signals, anyImport].filter((rule) => !except.includes(rule)), ...dynamicImports(file)),
});

const rooms = Object.entries(ROOMS).map(([room, mayImport]) => ({
  room,
  folder: `provision/${room}/`,
  patterns: [cdktf, otherRooms(room, mayImport), ...(CLOSED.includes(room) ? [pure] : [])],
}));
/** What a step must not ask, whatever it imports. */
const closed = {
  "no-restricted-globals": ["error", "fetch", "process", "setTimeout", "setInterval"],
  "no-restricted-properties": ["error", { object: "Date", property: "now" }, { object: "Math", property: "random" }],
};
const inRoom = (file) => rooms.find(({ folder }) => file.startsWith(folder));

export default tseslint.config(
  { ignores: ["node_modules", "state", "**/cdktf.out"] },
  ...tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-unused-vars": "off", // tsc says it
      "no-control-regex": "error",
      "no-console": "error",
      eqeqeq: "error",
      "prefer-const": "error",
    },
  },
  { files: ["**/*.js", "**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
  { files: ["provision/*.ts"], rules: rules("provision/verb.ts", [cdktf, verbsOnly]) },
  ...rooms.map(({ folder, patterns }) => ({ files: [`${folder}**`], rules: rules(folder, patterns) })),
  ...CLOSED.map((room) => ({ files: [`provision/${room}/**`], rules: closed })),
  // A door that is one file of a room.
  ...DOORS.filter(({ door }) => door.endsWith(".ts")).map(({ door }) => ({
    files: [door],
    rules: rules(door, inRoom(door)?.patterns ?? [cdktf, verbsOnly]),
  })),
  // The files that each of these rules is about.
  {
    files: ["provision/base/screen.ts"],
    rules: rules("provision/base/", inRoom("provision/base/").patterns, [stdout]),
  },
  {
    files: ["provision/base/shell.ts"],
    rules: rules("provision/base/", inRoom("provision/base/").patterns, [command]),
  },
  {
    files: ["provision/base/signals.ts"],
    rules: rules("provision/base/", inRoom("provision/base/").patterns, [signals]),
  },
  { files: ["infra/**"], rules: rules("infra/", [barrel, infraOnly]) },
  { files: ["tests/**"], rules: { "no-console": "off" } },
);
