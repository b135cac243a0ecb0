import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";

/** A verb in a process of its own: exit codes are what it is about. */
function runVerb(body: string, env: Record<string, string> = {}) {
  const source = `
    const { runScript } = require("./provision/script");
    const { Busy, Interrupted, UserError } = require("./provision/base/errors");
    runScript(async (deployment) => { ${body} });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--require", "tsx/cjs", "-e", source], {
    cwd: ROOT,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
  });
  return { status, stdout, stderr };
}

test.each<[what: string, body: string, status: number, stderr: RegExp]>([
  ["done", "", 0, /^(?!.*error)/s],
  ["an error with a hint", 'throw new UserError("disk full", "free some");', 1, /error: disk full\nhint: free some\n$/],
  ["an error without a hint", 'throw new UserError("disk full");', 1, /error: disk full\n$/],
  ["another change runs", 'throw new Busy("ada provisions");', 75, /error: ada provisions\n$/],
  ["interrupted", 'throw new Interrupted("interrupted");', 130, /error: interrupted\n$/],
  ["a bug", 'throw new TypeError("x is not a function");', 1, /TypeError: x is not a function\n\s+at /],
])("%s", (_what, body, status, stderr) => {
  const result = runVerb(body);
  expect(result.status).toBe(status);
  expect(result.stderr).toMatch(stderr);
  expect(result.stdout).toBe("");
});

test("an operator's error has no stack trace unless DEBUG asks for it", () => {
  const body = 'throw new UserError("disk full");';
  expect(runVerb(body).stderr).not.toMatch(/\n\s+at /);
  expect(runVerb(body, { DEBUG: "1" }).stderr).toMatch(/\n\s+at /);
});
test("the commands of hints can be pasted: they name the deployment", () => {
  const body =
    'throw new UserError("disk full", "run make plan, then CONFIRM=x make teardown; make sure that it ends");';
  const AIRFLOW_DEPLOYMENTS = mkdtempSync(join(tmpdir(), "deployments-"));
  writeFileSync(join(AIRFLOW_DEPLOYMENTS, "staging.yaml"), "infrastructure: local");
  expect(runVerb(body).stderr).toContain("hint: run make plan, then CONFIRM=x make teardown; make sure that it ends");
  expect(runVerb(body, { DEPLOYMENT: "staging", AIRFLOW_DEPLOYMENTS }).stderr).toContain(
    "hint: run DEPLOYMENT=staging make plan, then DEPLOYMENT=staging CONFIRM=x make teardown; make sure that it ends",
  );
});
test("an unknown deployment", () => {
  const { status, stderr } = runVerb("", { DEPLOYMENT: "nowhere" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: no deployment "nowhere".*\nhint: known deployments: .*local/);
});
test("the verb gets the deployment that DEPLOYMENT names", () => {
  expect(
    runVerb(
      "if (deployment.name !== 'local' || deployment.infrastructure !== 'local') throw new Error(deployment.name);",
    ).status,
  ).toBe(0);
});
test("make status ALL=1: a line for every deployment, and which one is not healthy", () => {
  const AIRFLOW_DEPLOYMENTS = mkdtempSync(join(tmpdir(), "deployments-"));
  const AIRFLOW_STATE = mkdtempSync(join(tmpdir(), "state-"));
  writeFileSync(join(AIRFLOW_DEPLOYMENTS, "new.yaml"), "infrastructure: local");
  writeFileSync(join(AIRFLOW_DEPLOYMENTS, "mistyped.yaml"), "infrastructure: lcoal");
  writeFileSync(join(AIRFLOW_DEPLOYMENTS, "x.example.yaml"), "infrastructure: aws");
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "run"), "status", "ALL=1"], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], AIRFLOW_DEPLOYMENTS, AIRFLOW_STATE },
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: expect.stringMatching(/^mistyped {2}deployments\/mistyped\.yaml is not valid: .*\nnew {7}no host yet\n$/),
    stderr: "error: not healthy: mistyped\nhint: DEPLOYMENT=mistyped make status says more\n",
  });
});
test.each(["yes", "true"])("make teardown KEEP_DATA=%s destroys nothing", (value) => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "run"), "teardown", `KEEP_DATA=${value}`], {
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      AIRFLOW_STATE: mkdtempSync(join(tmpdir(), "state-")),
      CONFIRM: "local",
    },
  });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(
      /error: KEEP_DATA=\w+ is neither 1 nor 0: nothing was touched\nhint: say KEEP_DATA=1/,
    ),
  });
});
