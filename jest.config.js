const { mkdtempSync, rmSync } = require("node:fs");
const { join } = require("node:path");

// Everything that tests put into the temporary folder goes with it, what libraries leave there too.
process.env.TMPDIR = mkdtempSync(join(require("node:os").tmpdir(), "airflow-tests-"));
process.on("exit", () => rmSync(process.env.TMPDIR, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

// A test file that needs root or Docker is called *.root.test.ts, Python's tools *.python.test.ts, one that
// applies whole stacks with terraform *.terraform.test.ts: FAST=1 leaves them out.
const fast = process.env.FAST === "1";
const esm = ["age-encryption", "@noble", "@scure"];

const project = (displayName, options) => ({
  displayName,
  testMatch: [`<rootDir>/tests/${displayName}/**/*.test.ts`],
  testPathIgnorePatterns: fast ? ["\\.(root|python|terraform)\\.test\\.ts$"] : [],
  modulePathIgnorePatterns: ["<rootDir>/state/"],
  cacheDirectory: join(__dirname, "node_modules/.cache/jest"),
  transform: { "\\.[jt]s$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } } }] },
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join("|")})/)`],
  ...options,
});
const offline = { setupFiles: ["<rootDir>/tests/support/no-network.ts"] };

module.exports = {
  testTimeout: 30_000,
  projects: [project("unit", offline), project("integration", offline), project("life"), project("acceptance")],
};
