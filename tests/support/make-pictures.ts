/**
 * Makes the README's pictures of a real `make demo`: docs/demo-terminal.svg and docs/airflow-ui.png. The deployment has a state
 * folder of its own and is torn down afterwards. It needs Debian's chromium. With `ui` it only photographs the UI of a running
 * DEPLOYMENT; with `terminal` it only draws the output of an earlier `make demo`, which it reads from standard input.
 *
 *   node --require tsx/cjs tests/support/make-pictures.ts [ui | terminal]
 */
import { makeScreen } from "../../provision/base/screen";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Page, chromium } from "playwright-core";
import { loadDeployment } from "../../provision/deployment/deployment";
import { size } from "../../provision/base/text";
import { ROOT } from "../../provision/deployment/paths";
import { readSecrets } from "../../provision/deployment/secrets-file";
import { terminalPicture } from "./terminal-picture";

const BROWSER = {
  executablePath: "/usr/bin/chromium",
  args: ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"]
    .concat("disable-component-update", "disable-sync")
    .map((name) => `--${name}`),
};
const DOCS = join(ROOT, "docs");
const LARGEST = 200 * 1024;

async function main(): Promise<void> {
  if (process.argv[2] === "ui") return photographUi(process.env["DEPLOYMENT"] || "local");
  if (process.argv[2] === "terminal") return keepTerminal(readFileSync(0, "utf8"));
  const state = mkdtempSync(join(tmpdir(), "airflow-pictures-"));
  Object.assign(process.env, { AIRFLOW_STATE: state, DEPLOYMENT: "local", CONFIRM: "local" });
  try {
    const text = (await outputOf("make", ["demo"])).replaceAll(state, "state");
    keepTerminal(`$ make demo\n${text}`);
    await photographUi("local");
  } finally {
    spawnSync("make", ["teardown"], { cwd: ROOT, stdio: "inherit" });
    rmSync(state, { recursive: true, force: true });
  }
}

/** What a program prints, in the order that a terminal shows it. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const child = spawn("sh", ["-c", 'exec "$@" 2>&1', "sh", program, ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (process.stderr.write(part), (text += part)));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${String(code)}`);
  return text;
}

/** Draws the terminal, without the long list of the acceptance tests. */
function keepTerminal(text: string): void {
  const tests = /(?<=\nRunning one project: acceptance\n)[^]*?(?=\nTest Suites: )/;
  keep("demo-terminal.svg", Buffer.from(terminalPicture(text.replace(tests, "  […]"))));
}

const screen = makeScreen();

/** Photographs the canary's newest run, through the tunnel of `make ui` and after a login, as an operator sees it. */
async function photographUi(name: string): Promise<void> {
  const deployment = loadDeployment(name);
  const { admin_password } = await readSecrets(deployment);
  const tunnel = spawn(process.execPath, [join(ROOT, "run"), "ui"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, DEPLOYMENT: name },
  });
  try {
    const url = await new Promise<string>((resolve, reject) => {
      tunnel.once("close", () => reject(new Error("make ui ended")));
      createInterface({ input: tunnel.stdout }).on("line", (line) => {
        const [found] = /http:\S+/.exec(line) ?? [];
        if (found) resolve(found);
      });
    });
    await withPage(async (page) => {
      await page.goto(`${url}auth/login/`);
      await page.fill("input[name=username]", "admin");
      await page.fill("input[name=password]", admin_password);
      await page.press("input[name=password]", "Enter");
      await page.waitForURL((at) => !at.pathname.includes("/login"));
      const runs: { dag_runs: { dag_run_id: string }[] } = await page.evaluate(
        "fetch('/api/v2/dags/canary/dagRuns?state=success&order_by=-run_after&limit=1').then((answer) => answer.json())",
      );
      await page.goto(`${url}dags/canary/runs/${encodeURIComponent(runs.dag_runs[0]!.dag_run_id)}/tasks/sing`);
      await page.getByText("Returned value was").first().waitFor();
      await page.waitForLoadState("networkidle");
      keep("airflow-ui.png", await page.screenshot({ clip: { x: 0, y: 0, width: 1280, height: 450 } }));
    });
  } finally {
    tunnel.kill("SIGINT");
  }
}

async function withPage(work: (page: Page) => Promise<void>): Promise<void> {
  const browser = await chromium.launch(BROWSER);
  try {
    await work(await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" }));
  } finally {
    await browser.close();
  }
}

function keep(name: string, picture: Buffer): void {
  if (picture.length > LARGEST) throw new Error(`${name} is too large for a README: ${size(picture.length)}`);
  writeFileSync(join(DOCS, name), picture);
  screen.say(`wrote docs/${name}, ${size(picture.length)}`);
}

void main();
