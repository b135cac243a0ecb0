import { distance } from "fastest-levenshtein";
import { UserError } from "../base/errors";
import { Command, sh } from "../base/shell";
import { compose } from "../steps/compose";
import { CURRENT, SERVICES } from "../release/wanted";

/** A command that prints the logs of one service, or of all of them. If it follows them, it ends with the connection. */
export function logsCommand(service: string | undefined, lines: string | undefined, follow: boolean): Command {
  const known: readonly string[] = SERVICES;
  if (service && !known.includes(service)) {
    const [closest] = [...known].sort((a, b) => distance(service, a) - distance(service, b));
    throw new UserError(
      `there is no service ${service}`,
      `did you mean ${closest}? the services are ${known.join(", ")}`,
    );
  }
  if (lines && !/^(\d{1,9}|all)$/.test(lines))
    throw new UserError(`LINES=${lines} is not a number of lines`, "like LINES=500, or LINES=all");
  const options = ["--no-color", `--tail=${lines || 100}`, ...(service ? ["--no-log-prefix", service] : [])];
  const logs = sh`${compose(`${CURRENT}/compose.yaml`)} logs ${options}`;
  // sshd does not tell a command without a terminal that the connection is lost. cat notices: its standard input ends.
  return follow ? sh`${logs} --follow & cat; kill $!` : logs;
}
