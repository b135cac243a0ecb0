import tseslint from "typescript-eslint";

/** Modules with one door: who else imports them is told which file to use. `loads`: also `await import()` of it. */
const doors = [
  { name: "ssh2", door: "provision/link/ssh-host.ts" },
  { name: "zx", door: "provision/lock.ts" },
  { name: "handlebars", door: "provision/release/templates.ts" },
  { name: "age-encryption", door: "provision/deployment/age.ts" },
  { name: "undici", door: "provision/api/airflow-api.ts" },
  { name: "@aws-sdk", door: "provision/aws/aws.ts" },
];
const effects = ["fs", "fs/promises", "child_process", "net", "http", "https", "os", "timers", "timers/promises"];
const effectModules = [
  "host",
  "ssh-host",
  "local",
  "apply",
  "follow",
  "script",
  "airflow-api",
  "age",
  "aws",
  "secrets-file",
];

const closed = (except) =>
  doors
    .filter(({ door }) => door !== except)
    .map(({ name, door }) => ({
      regex: `^${name}(/|$)`,
      message: `${name} has one door: ${door}`,
    }));
const cdktf = { regex: "^(cdktf|constructs|@cdktf/)", message: "cdktf stays under infra/" };
const barrel = {
  regex: "^@cdktf/provider-[a-z]+$",
  message: "import @cdktf/provider-x/lib/<resource>: the barrel takes 5 s to load",
};
const infra = {
  regex: "/infra/(?!outputs$)",
  message: "of infra/ only infra/outputs may be imported: provisioning does not know which stack made a host",
};
const upward = {
  regex: "/provision/(?!(base|deployment|local)/|script$)",
  message: "infra/ does not know how hosts are provisioned",
};
const pure = {
  regex: `^(node:)?(${effects.join("|")})$|/(${effectModules.join("|")})$`,
  allowTypeImports: true,
  message: "a step is pure: facts and actions are data, whoever runs them is elsewhere",
};

const printing = {
  regex: "/output$",
  allowImportNames: ["duration", "printable", "size"],
  message: "a step does not print",
};

const imports = (...patterns) => ({ "@typescript-eslint/no-restricted-imports": ["error", { patterns }] });
const dynamic = (except) =>
  closed(except).map(({ regex, message }) => ({
    selector: `ImportExpression[source.value=/${regex.replaceAll("/", "\\/")}/]`,
    message,
  }));
const stdout = {
  selector:
    "MemberExpression[object.name='process'][property.name=/^(stdout|stderr)$/]:not(MemberExpression[property.name=/^(isTTY|columns)$/] > *)",
  message: "provision/base/output.ts prints",
};
const syntax = (...rules) => ({ "no-restricted-syntax": ["error", ...rules] });

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
  { files: ["provision/**"], rules: { ...imports(...closed(), cdktf, infra), ...syntax(stdout, ...dynamic()) } },
  ...doors.map(({ door }) => ({
    files: [door],
    rules: { ...imports(...closed(door), cdktf, infra), ...syntax(stdout, ...dynamic(door)) },
  })),
  { files: ["provision/steps/**"], rules: imports(...closed(), cdktf, infra, pure, printing) },
  { files: ["provision/base/output.ts"], rules: syntax(...dynamic()) },
  { files: ["provision/script.ts"], rules: { "no-console": "off" } },
  { files: ["infra/**"], rules: { ...imports(...closed(), barrel, upward), ...syntax(stdout, ...dynamic()) } },
  { files: ["tests/**"], rules: { "no-console": "off" } },
);
