import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";

/** The connection to the host was lost. It is unknown what the command did. */
export class LinkLost extends UserError {
  constructor(name: string, cause?: Error) {
    super(`lost the connection to ${name}`, "run the same verb again", { cause });
  }
}

/** There is no connection, for a reason that may pass: it is worth another try while the host boots. */
export class HostUnreachable extends UserError {}

/** The host refused a connection to one of its ports: what listens there starts, or is being recreated. */
export class NothingListens extends UserError {}

/** sshd hung up before it said a word: it does so to addresses with failed logins, for a while, and while it restarts. */
export class TurnedAway extends HostUnreachable {}

export interface Circumstances {
  readonly refusedKey: boolean;
  /** The text that sshd sent before the login. */
  readonly banner: string;
  /** The proxy program, and what it wrote to standard error. */
  readonly program: string | undefined;
  readonly said: string;
}

/** What pam_nologin says while systemd has not finished booting. */
const BOOTING = /System is booting up|not permitted to log in yet/i;
/** ssh2's words where the other side hangs up before its version line. */
const TURNED_AWAY = /lost before handshake/i;

/** Why there is no connection, as the operator needs it. */
export function connectError(
  name: string,
  deployment: Deployment,
  { refusedKey, banner, program, said }: Circumstances,
  cause: Error & { level?: string; code?: string },
): UserError {
  if (BOOTING.test(banner)) {
    return new HostUnreachable(`${name} is still booting`, "wait a minute, then run the same verb again", { cause });
  }
  if (refusedKey || /no matching host key/i.test(cause.message)) {
    return new UserError(
      `the SSH host key of ${name} is not the pinned one: nothing was sent`,
      `somebody may be in between; if you replaced the host, run make infrastructure (pinned keys: ${deployment.paths.knownHosts})`,
      { cause },
    );
  }
  if (cause.level === "client-authentication") {
    return new UserError(
      `${name} refused the key ${deployment.paths.sshKey}`,
      "is it this deployment's key? AIRFLOW_SSH_KEY names another one; `operators` lists who may log in",
      { cause },
    );
  }
  if (/no matching key exchange/i.test(cause.message)) {
    return new UserError(
      `${name} allows no key exchange that this client knows (post-quantum only?)`,
      "allow curve25519-sha256 in its sshd_config",
      { cause },
    );
  }
  if (program) {
    return new HostUnreachable(
      `cannot reach ${name} through ${program}: ${said || cause.message}`,
      "check aws.access in the deployment file: it chooses the way in",
      { cause },
    );
  }
  if (TURNED_AWAY.test(cause.message)) {
    return new TurnedAway(
      `${name} hangs up before the handshake: its sshd turns this address away`,
      "after failed logins it does so for up to ten minutes (PerSourcePenalties); wait, then run the same verb again",
      { cause },
    );
  }
  return new HostUnreachable(
    `cannot reach ${name}: ${cause.message}`,
    "is the host running, and does its firewall let your address in? run make plan",
    { cause },
  );
}
