import { UserError } from "./base/errors";
import { interruption } from "./base/signals";
import { onMainHost } from "./link/main-host";
import { print, say } from "./base/output";
import { runScript } from "./script";
import { openTunnel } from "./link/tunnel";

runScript(async (deployment) => {
  await onMainHost(deployment, async (host) => {
    const ctrlC = interruption();
    const { port } = deployment.ui;
    const tunnel = await openTunnel(host, port, 8080, say).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
      const why = error.code === "EACCES" ? "is not yours to open" : "is taken";
      throw new UserError(
        `port ${port} of this machine ${why}`,
        `set ui.port in deployments/${deployment.name}.yaml to another, or to 0 for a free one`,
      );
    });
    print(`Airflow's UI is at http://127.0.0.1:${tunnel.port}/ until Ctrl-C; the login: make password`);
    await ctrlC.came;
    tunnel.close();
  });
});
