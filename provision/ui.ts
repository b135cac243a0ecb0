import { spawn } from "node:child_process";
import type { Screen } from "./base/screen";
import { UserError } from "./base/errors";
import type { Deployment } from "./deployment/deployment";
import { uiAddress, uiPort } from "./deployment/ui-address";
import type { Host } from "./link/host";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { AIRFLOW_PORT } from "./deployment/airflow";
import { Tunnel, openTunnel } from "./link/tunnel";

runScript(async (deployment, { screen, signals }) => {
  await onMainHost(deployment, async (host) => {
    const tunnel = await open(host, deployment, screen);
    const address = uiAddress(deployment, tunnel.port);
    screen.print(`Airflow's UI is at ${address} until Ctrl-C`);
    screen.say(`if your browser does not know that name: http://127.0.0.1:${tunnel.port}/`);
    screen.advise("the login: make password");
    if (process.env["OPEN"] !== "0" && process.stdout.isTTY) openBrowser(address);
    await signals.orEnd(new Promise(() => undefined));
    tunnel.close();
  });
});

async function open(host: Host, deployment: Deployment, screen: Screen): Promise<Tunnel> {
  const port = uiPort(deployment);
  try {
    return await openTunnel(host, port, AIRFLOW_PORT, screen.say);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    if (deployment.ui.port === undefined) {
      screen.say(`port ${port} of this machine is in use: taking another`);
      return openTunnel(host, 0, AIRFLOW_PORT, screen.say);
    }
    throw new UserError(
      `port ${port} of this machine ${code === "EACCES" ? "cannot be opened without more rights" : "is in use"}`,
      `set ui.port in deployments/${deployment.name}.yaml to another, or take it out`,
    );
  }
}

/** Opens the operator's browser if this machine has a desktop. If that fails, the address is on the terminal. */
function openBrowser(address: string): void {
  if (!process.env["DISPLAY"] && !process.env["WAYLAND_DISPLAY"]) return;
  spawn("xdg-open", [address], { detached: true, stdio: "ignore" })
    .on("error", () => undefined)
    .unref();
}
