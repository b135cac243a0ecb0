import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../base/errors";
import type { Screen } from "../base/screen";
import type { Result } from "../base/shell";
import type { Host } from "../link/host";
import { HostUnreachable, LinkLost } from "../link/ssh-host";

/** What a client that waits for an answer must know of its operator. */
export interface Watch {
  /** The operator does not follow any more. */
  readonly isOver: () => boolean;
  /** Tells the host once more what the operator wants: an order that was lost with a link. */
  readonly repeat: () => void;
}

/** Asks a host again on a new connection if the link is lost on the way. */
export class PatientLink {
  constructor(
    private readonly host: Host,
    /** Milliseconds to go on trying for. */
    private readonly patience: number,
    private readonly watch: Watch,
    private readonly screen: Screen,
  ) {}

  async ask(what: () => Promise<Result>): Promise<Result> {
    for (;;) {
      const result = await this.once(what);
      if (result) return result;
      await this.reconnect("the change goes on there");
    }
  }

  /** Undefined if the link was lost before an answer. */
  async once(what: () => Promise<Result>): Promise<Result | undefined> {
    try {
      const result = await what();
      return result.code === -1 ? undefined : result;
    } catch (error) {
      if (!(error instanceof LinkLost) || this.watch.isOver()) throw error;
      return undefined;
    }
  }

  /** @param meanwhile what is known of the change while nobody sees it */
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
          throw new UserError(`${this.host.name} stays out of reach; ${meanwhile}`, hint, { cause });
        }
        await sleep(Math.min(1000, this.patience / 10));
      }
    }
  }
}
