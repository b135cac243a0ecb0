import { PassThrough } from "node:stream";
import { UserError } from "./errors";
import { runAsRoot } from "./facts";
import { interruption } from "./interrupt";
import { onMainHost } from "./main-host";
import { remoteErrors, remoteOutput } from "./output";
import { runScript } from "./script";
import { logsCommand } from "./service-logs";

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
