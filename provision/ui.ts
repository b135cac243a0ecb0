import { UserError } from "./base/errors";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { AIRFLOW_PORT } from "./deployment/airflow";
import { openTunnel } from "./link/tunnel";

runScript(async (deployment, { screen, signals }) => {
  await onMainHost(deployment, async (host) => {
    const { port } = deployment.ui;
    const tunnel = await openTunnel(host, port, AIRFLOW_PORT, screen.say).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
      const why = error.code === "EACCES" ? "cannot be opened without more rights" : "is in use";
      throw new UserError(
        `port ${port} of this machine ${why}`,
        `set ui.port in deployments/${deployment.name}.yaml to another, or to 0 for a free one`,
      );
    });
    screen.print(`Airflow's UI is at http://127.0.0.1:${tunnel.port}/ until Ctrl-C`);
    screen.advise("the login: make password");
    await signals.orEnd(new Promise(() => undefined));
    tunnel.close();
  });
});
