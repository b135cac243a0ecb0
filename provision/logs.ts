import { PassThrough } from "node:stream";
import { UserError } from "./base/errors";
import { runAsRoot } from "./change/read-facts";
import { interruption } from "./base/signals";
import { onMainHost } from "./link/main-host";
import { remoteErrors, remoteOutput } from "./base/output";
import { runScript } from "./script";
import { logsCommand } from "./page/service-logs";

runScript(async (deployment) => {
  const { SERVICE, FOLLOW, LINES } = process.env;
  const command = logsCommand(SERVICE, LINES, FOLLOW === "1");
  await onMainHost(deployment, async (host) => {
    const ctrlC = interruption();
    // An input that stays open for as long as somebody reads.
    const stdin = FOLLOW === "1" ? new PassThrough() : undefined;
    const shown = runAsRoot(host, command, [], { stdin, stdout: remoteOutput(), stderr: remoteErrors() });
    shown.catch(() => undefined);
    const ended = await Promise.race([shown, ctrlC.came]);
    ctrlC.forget();
    if (ended && ended.code !== 0) throw new UserError("docker compose could not show the logs", "run make status");
  });
});
