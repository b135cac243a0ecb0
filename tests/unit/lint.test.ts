import { execFileSync } from "node:child_process";
import { ROOT } from "../../provision/deployment/paths";

const cases: [file: string, source: string, complaint: RegExp | undefined][] = [
  ["provision/status.ts", `import { Client } from "ssh2";`, /ssh2 has one door/],
  ["provision/change/run.ts", `import { Client } from "ssh2";`, /ssh2 has one door/],
  ["provision/link/ssh-host.ts", `import { Client } from "ssh2";`, undefined],
  ["provision/status.ts", `await import("age-encryption");`, /age-encryption has one door/],
  ["provision/deployment/age.ts", `await import("age-encryption");`, undefined],
  ["provision/plan.ts", `import type { Instance } from "@aws-sdk/client-ec2";`, /@aws-sdk has one door/],
  ["provision/plan.ts", `await import("@aws-sdk/client-s3");`, /@aws-sdk has one door/],
  ["provision/aws/a-new-file.ts", `await import("@aws-sdk/client-s3");`, undefined],
  ["provision/status.ts", `import { App } from "cdktf";`, /cdktf stays under infra/],
  ["provision/stacks/a-new-file.ts", `import { App } from "cdktf";`, /cdktf stays under infra/],
  ["infra/main.ts", `import { App } from "cdktf";`, undefined],
  ["infra/main.ts", `import { instance } from "@cdktf/provider-aws";`, /barrel/],
  ["infra/main.ts", `import { Instance } from "@cdktf/provider-aws/lib/instance";`, undefined],
  ["infra/main.ts", `import { plan } from "../provision/steps/docker";`, /does not know how hosts are provisioned/],
  ["infra/main.ts", `import { runScript } from "../provision/script";`, /does not know how hosts are provisioned/],
  ["infra/constructs/x.ts", `import { size } from "../../provision/base/text";`, undefined],
  ["provision/status.ts", `import { DataStack } from "../infra/stacks/local-data";`, /a verb imports rooms/],
  ["provision/status.ts", `import { x } from "./provision";`, /never another verb/],
  ["provision/a-new-verb.ts", `import { steps } from "./steps/index";`, undefined],
  ["provision/a-new-verb.ts", `import { runScript } from "./script";`, undefined],
  [
    "provision/base/a-new-file.ts",
    `import { x } from "../deployment/paths";`,
    /base\/ may import nothing of another room/,
  ],
  ["provision/link/a-new-file.ts", `import { x } from "../change/run";`, /link\/ may import base, deployment/],
  ["provision/change/a-new-file.ts", `import { x } from "../deployment/paths";`, /change\/ may import base, link/],
  ["provision/release/a-new-file.ts", `import type { x } from "../change/run";`, /release\/ may import/],
  ["provision/release/a-new-file.ts", `import type { x } from "../change/planning";`, undefined],
  ["provision/page/a-new-file.ts", `import { x } from "../steps/compose";`, undefined],
  ["provision/steps/a-new-file.ts", `import { readFileSync } from "node:fs";`, /a step is pure/],
  ["provision/steps/a-new-file.ts", `import { spawn } from "child_process";`, /a step is pure/],
  ["provision/steps/a-new-file.ts", `import { connectHost } from "../link/ssh-host";`, /steps\/ may import/],
  ["provision/steps/a-new-file.ts", `import { runChange } from "../change/run";`, /steps\/ may import/],
  ["provision/steps/a-new-file.ts", `import { makeScreen } from "../base/screen";`, /steps\/ may import/],
  ["provision/steps/a-new-file.ts", `import { planning } from "../change/planning-more";`, /steps\/ may import/],
  ["provision/steps/a-new-file.ts", `import { size } from "../base/text";`, undefined],
  ["provision/steps/a-new-file.ts", `import { sh } from "../base/shell";`, undefined],
  ["provision/status.ts", `process.stdout.write("x");`, /screen\.ts prints/],
  ["provision/base/child.ts", `process.stdout.write("x");`, /screen\.ts prints/],
  ["provision/status.ts", `export const isTerminal = process.stdout.isTTY === true;`, undefined],
  ["provision/status.ts", `console.log("x");`, /no-console/],
  ["provision/base/screen.ts", `process.stdout.write("x");`, undefined],
  ["provision/steps/docker.ts", `export const x = new Command("x");`, /sh`…` makes a command/],
  ["provision/base/shell.ts", `export const x = new Command("x");`, undefined],
  ["provision/ssh.ts", `process.on("SIGINT", () => undefined);`, /signals\.ts handles signals/],
  ["provision/ssh.ts", `process.addListener(name, () => undefined);`, /signals\.ts handles signals/],
  ["provision/ssh.ts", `process.on("exit", () => undefined);`, undefined],
  ["provision/ssh.ts", "await import(`ssh2`);", /import\(\) takes the name itself/],
  ["provision/ssh.ts", `export * from "ssh2";`, /ssh2 has one door/],
  ["provision/steps/a-new-file.ts", `export const now = Date.now();`, /no-restricted-properties/],
  ["provision/steps/a-new-file.ts", `export const x = process.env;`, /no-restricted-globals/],
];

/** ESLint's configuration is an ES module, which jest cannot load: one node does all cases. */
const lint = `
  const { ESLint } = require("eslint");
  const eslint = new ESLint({ overrideConfig: { linterOptions: { reportUnusedDisableDirectives: "off" } } });
  const cases = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  (async () => {
    const found = [];
    for (const [filePath, source] of cases) {
      const [result] = await eslint.lintText(source, { filePath });
      found.push(result.messages.filter((m) => !/unused/.test(m.ruleId)).map((m) => m.ruleId + ": " + m.message).join("; "));
    }
    console.log(JSON.stringify(found));
  })();`;

const found: string[] = JSON.parse(
  execFileSync("node", ["-e", lint], { cwd: ROOT, input: JSON.stringify(cases), encoding: "utf8" }),
);

test.each(cases.map((row, i) => [...row, found[i]!] as const))("in %s: %s", (_file, _source, complaint, answer) => {
  if (complaint) expect(answer).toMatch(complaint);
  else expect(answer).toBe("");
});
