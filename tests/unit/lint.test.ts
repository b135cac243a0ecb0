import { execFileSync } from "node:child_process";
import { ROOT } from "../../provision/deployment/paths";

const cases: [file: string, source: string, complaint: RegExp | undefined][] = [
  ["provision/status.ts", `import { Client } from "ssh2";`, /ssh2 has one door/],
  ["provision/link/ssh-host.ts", `import { Client } from "ssh2";`, undefined],
  ["provision/status.ts", `await import("age-encryption");`, /age-encryption has one door/],
  ["provision/deployment/age.ts", `await import("age-encryption");`, undefined],
  ["provision/plan.ts", `import type { Instance } from "@aws-sdk/client-ec2";`, /@aws-sdk has one door/],
  ["provision/plan.ts", `await import("@aws-sdk/client-s3");`, /@aws-sdk has one door/],
  ["provision/aws/aws.ts", `await import("@aws-sdk/client-s3");`, undefined],
  ["provision/status.ts", `import { App } from "cdktf";`, /cdktf stays under infra/],
  ["infra/main.ts", `import { App } from "cdktf";`, undefined],
  ["infra/main.ts", `import { instance } from "@cdktf/provider-aws";`, /barrel/],
  ["infra/main.ts", `import { Instance } from "@cdktf/provider-aws/lib/instance";`, undefined],
  ["infra/main.ts", `import { plan } from "../provision/steps/docker";`, /does not know how hosts are provisioned/],
  ["provision/status.ts", `import { Outputs } from "../infra/outputs";`, undefined],
  ["provision/status.ts", `import { DataStack } from "../infra/local/data-stack";`, /only infra\/outputs/],
  ["provision/steps/docker.ts", `import { readFileSync } from "node:fs";`, /a step is pure/],
  ["provision/steps/docker.ts", `import { spawn } from "child_process";`, /a step is pure/],
  ["provision/steps/docker.ts", `import { connectHost } from "../link/ssh-host";`, /a step is pure/],
  ["provision/steps/docker.ts", `import { say } from "../base/output";`, /a step does not print/],
  ["provision/steps/docker.ts", `import { size } from "../base/output";`, undefined],
  ["provision/steps/docker.ts", `import type { Result } from "../link/host";`, undefined],
  ["provision/steps/docker.ts", `import { sh } from "../base/shell";`, undefined],
  ["provision/status.ts", `process.stdout.write("x");`, /output\.ts prints/],
  ["provision/status.ts", `export const isTerminal = process.stdout.isTTY === true;`, undefined],
  ["provision/status.ts", `console.log("x");`, /no-console/],
  ["provision/base/output.ts", `process.stdout.write("x");`, undefined],
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
