import { distance } from "fastest-levenshtein";
import { UserError } from "../base/errors";
import { Command, sh } from "../base/shell";
import { compose } from "../steps/compose";
import { CURRENT, SERVICES } from "../release/wanted";

/** Shows the logs of one service, or of all of them. Pure; whatever it follows ends with the connection. */
export function logsCommand(service: string | undefined, lines: string | undefined, follow: boolean): Command {
  const known: readonly string[] = SERVICES;
  if (service && !known.includes(service)) {
    const [closest] = [...known].sort((a, b) => distance(service, a) - distance(service, b));
    throw new UserError(`there is no service ${service}`, `did you mean ${closest}? there are ${known.join(", ")}`);
  }
  if (lines && !/^(\d{1,9}|all)$/.test(lines))
    throw new UserError(`LINES=${lines} is no number of lines`, "like LINES=500, or LINES=all");
  const options = ["--no-color", `--tail=${lines || 100}`, ...(service ? ["--no-log-prefix", service] : [])];
  const logs = sh`${compose(`${CURRENT}/compose.yaml`)} logs ${options}`;
  // sshd tells a command without a terminal nothing of a lost connection: cat sees it, as the end of standard input.
  return follow ? sh`${logs} --follow & cat; kill $!` : logs;
}
