import { setTimeout as sleep } from "node:timers/promises";
import type { HostOutput } from "./outputs";
import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import { duration } from "../base/text";
import { HostUnreachable, connectHost } from "./ssh-host";

/** In milliseconds: one try, and the pauses between two, which grow. */
const TRY = { connect: 10_000, keepalive: 15_000 };
const PAUSE = { first: 100, factor: 1.5, longest: 5_000 };

/**
 * Waits until the host lets its operator in. Only what passes by itself is waited for: no answer, sshd not there, users
 * not let in yet; a wrong key ends it at once.
 */
export async function waitForHost(
  { screen, signals }: Context,
  deployment: Deployment,
  target: HostOutput,
  seconds: number,
): Promise<void> {
  const started = Date.now();
  const waited = (): number => (Date.now() - started) / 1000;
  for (let pause = PAUSE.first; ; pause = Math.min(pause * PAUSE.factor, PAUSE.longest)) {
    signals.stopIfHeld();
    try {
      return (await connectHost(deployment, target, TRY)).close();
    } catch (error) {
      if (!(error instanceof HostUnreachable)) throw error;
      if (waited() > seconds) {
        throw new HostUnreachable(`${error.message}, after ${duration(waited())}`, error.hint, { cause: error });
      }
    }
    screen.status(`waiting for the host to boot, ${duration(waited())} …`);
    await sleep(pause);
  }
}
