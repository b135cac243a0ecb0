const { mkdtempSync, rmSync } = require("node:fs");
const { join } = require("node:path");

// Tests and libraries put their temporary files into a folder of this run, which is deleted at the end.
process.env.TMPDIR = mkdtempSync(join(require("node:os").tmpdir(), "airflow-tests-"));
process.on("exit", () => rmSync(process.env.TMPDIR, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(1));

// FAST=1 leaves out the test files that need root or Docker (*.root.test.ts), need Python's tools (*.python.test.ts) or
// apply whole stacks with Terraform (*.terraform.test.ts).
const fast = process.env.FAST === "1";
// LONG=1 adds the test files that take more than ten minutes (*.long.test.ts).
const long = process.env.LONG === "1";
const esm = ["age-encryption", "@noble", "@scure"];

const project = (displayName, options) => ({
  displayName,
  testMatch: [`<rootDir>/tests/${displayName}/**/*.test.ts`],
  testPathIgnorePatterns: [
    ...(fast ? ["\\.(root|python|terraform)\\.test\\.ts$"] : []),
    ...(long ? [] : ["\\.long\\.test\\.ts$"]),
  ],
  modulePathIgnorePatterns: ["<rootDir>/state/"],
  cacheDirectory: join(__dirname, "node_modules/.cache/jest"),
  transform: { "\\.[jt]s$": ["@swc/jest", { jsc: { target: "es2022", parser: { syntax: "typescript" } } }] },
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join("|")})/)`],
  ...options,
});
const offline = { setupFiles: ["<rootDir>/tests/support/no-network.ts"] };

module.exports = {
  testTimeout: 30_000,
  // Tests wait for processes for much of their time.
  maxWorkers: "100%",
  projects: [project("unit", offline), project("integration", offline), project("life"), project("acceptance")],
};
