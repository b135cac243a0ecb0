import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../base/errors";
import type { Screen } from "../base/screen";
import type { Result } from "../base/shell";
import type { Host } from "../link/host";
import { HostUnreachable, LinkLost } from "../link/ssh-errors";

/** What a client that waits for an answer must know about its operator. */
export interface Watch {
  /** The operator does not follow any more. */
  readonly isOver: () => boolean;
  /** Sends the operator's order to the host again: it may have been lost with the connection. */
  readonly repeat: () => void;
}

/** Asks a host, and asks it again on a new connection if the connection is lost. */
export class PatientLink {
  constructor(
    private readonly host: Host,
    /** How long it tries to connect again, in milliseconds. */
    private readonly patience: number,
    private readonly watch: Watch,
    private readonly screen: Screen,
  ) {}

  async ask(what: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const result = await this.once(what);
      if (result) return result;
      await this.reconnect("the change goes on there if the host is up");
    }
  }

  /** Undefined if the connection was lost before the answer came. */
  async once(what: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await what();
      return result.code === -1 ? undefined : result;
    } catch (error) {
      if (!(error instanceof LinkLost) || this.watch.isOver()) throw error;
      return undefined;
    }
  }

  /** @param meanwhile what the operator is told about the change: `the change goes on there` */
  async reconnect(meanwhile: string): Promise<void> {
    this.screen.say(`lost the connection to ${this.host.name}: ${meanwhile}; connecting again`);
    const deadline = Date.now() + this.patience;
    for (;;) {
      try {
        await this.host.reconnect();
        return this.watch.repeat();
      } catch (cause) {
        if (!(cause instanceof HostUnreachable) || this.watch.isOver()) throw cause;
        if (Date.now() > deadline) {
          const hint = "run the same verb later: it says how the change ended";
          throw new UserError(`still cannot reach ${this.host.name}; ${meanwhile}`, hint, { cause });
        }
        await sleep(Math.min(1000, this.patience / 10));
      }
    }
  }
}
