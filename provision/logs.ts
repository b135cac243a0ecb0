import { PassThrough } from "node:stream";
import { UserError } from "./base/errors";
import { runAsRoot } from "./change/root";
import { onMainHost } from "./link/main-host";
import { runScript } from "./script";
import { logsCommand } from "./page/service-logs";

runScript(async (deployment, { screen, signals }) => {
  const { SERVICE, FOLLOW, LINES } = process.env;
  const command = logsCommand(SERVICE, LINES, FOLLOW === "1");
  await onMainHost(deployment, async (host) => {
    // The command follows the logs until its input ends, so the input stays open.
    const stdin = FOLLOW === "1" ? new PassThrough() : undefined;
    const shown = runAsRoot(host, command, [], { stdin, stdout: screen.output(), stderr: screen.errors() });
    shown.catch(() => undefined);
    const ended = await signals.orEnd(shown);
    if (ended && ended.code !== 0) throw new UserError("docker compose could not show the logs", "run make status");
  });
});
