import { existsSync } from "node:fs";
import { Page, chromium } from "playwright-core";
import type { DagRun } from "../../../provision/api/dag-run";
import { Life, pipe } from "../../support/life";

const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function installChromium(): Promise<void> {
  if (existsSync(CHROMIUM)) return;
  const script =
    "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium";
  const { code, stderr } = await pipe("sh", ["-c", script]);
  if (code !== 0) throw new Error(`chromium cannot be installed: ${stderr}`);
}

/** Airflow's own UI, in a browser. */
export function ui(life: Life): void {
  beforeAll(installChromium, 5 * 60_000);

  test("through make ui a browser logs in to Airflow, sees the canary's run, and stays logged in beside another deployment", async () => {
    const [run] = await life.airflow((airflow) => airflow.list<DagRun>("/dags/canary/dagRuns", "dag_runs"));
    const tunnel = life.start("ui");
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    try {
      await tunnel.says(/until Ctrl-C/);
      const address = /http:\/\/life\.localhost:2\d{4}\//.exec(tunnel.text())![0];
      const { admin_password } = await life.secrets();
      const context = await browser.newContext();
      context.setDefaultTimeout(120_000);
      const logIn = async (at: string): Promise<Page> => {
        const page = await context.newPage();
        await page.goto(at);
        await page.fill("input[name=username]", "admin");
        await page.fill("input[name=password]", admin_password);
        await page.press("input[name=password]", "Enter");
        await page.waitForURL((url) => !url.pathname.includes("login"));
        return page;
      };
      const page = await logIn(address);
      // The same Airflow under another deployment's name: for the browser it is another site, with cookies of its own.
      await (await logIn(address.replace("life", "other"))).close();
      await page.goto(`${address}dags/canary/runs/${encodeURIComponent(run!.dag_run_id)}`);
      await page.getByText("Success").first().waitFor();
      await page.getByText("sing").first().waitFor();
    } finally {
      await browser.close();
      tunnel.signal("SIGINT");
    }
    expect(await tunnel.ended).toMatchObject({ code: 0 });
  });
}
