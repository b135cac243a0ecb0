import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepare } from "../../provision/release/make-wanted";
import { ROOT } from "../../provision/deployment/paths";
import { SECRET_VALUES, deploymentOf } from "../support/wanted";

const text = (file: string): string => readFileSync(join(ROOT, file), "utf8");

test("an image that is pulled is named by its digest", () => {
  const [, base] = /^base=(.*)$/m.exec(text("infra/local/image.sh"))!;
  expect(base).toMatch(/^debian:trixie@sha256:[0-9a-f]{64}$/);
  expect(text("infra/local/image.sh").match(/^FROM .*$/gm)).toEqual(["FROM $base"]);
});

test("npm runs no program of a package's", () => {
  for (const line of text("provision/setup.sh").match(/^ *npm .*$/gm)!) expect(line).toContain(" --ignore-scripts ");
});

test.each([
  "pandas\r--index-url=x",
  "pandas==1\r--index-url=x",
  "pandas==1 --index-url=x",
  "pandas==1 -i x",
  "--index-url=x",
  "-r /etc/passwd",
  "a @ https://x/y.whl",
  "a @ file:///etc/passwd",
  "pandas==1 # note",
  "pandas==1 \\",
  "pandas==${HOME}",
  "./local",
])("%j is no requirement", (line) => {
  expect(() => deploymentOf(`airflow: {requirements: [${JSON.stringify(line)}]}`)).toThrow(
    /must be one requirement as in requirements\.txt/,
  );
});

test.each([
  ["certificates", "# ours\n-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", undefined],
  ["DER", "0\x82\x03", "is no PEM file of certificates alone"],
  [
    "a key beside them",
    "-----BEGIN CERTIFICATE-----\nx\n-----BEGIN PRIVATE KEY-----\n",
    "is no PEM file of certificates alone",
  ],
])("build.caBundle with %s", (_what, content, problem) => {
  const file = join(mkdtempSync(join(tmpdir(), "ca-")), "ca.pem");
  writeFileSync(file, content);
  const host = { id: "x", role: "main", user: "ubuntu", address: "127.0.0.1", port: 22 } as never;
  const work = () => prepare(deploymentOf(`build: {caBundle: ${file}}`), SECRET_VALUES, host).caBundle;
  if (problem) expect(work).toThrow(problem);
  else expect(work()).toBe(content);
});
