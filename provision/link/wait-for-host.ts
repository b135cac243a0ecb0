import { setTimeout as sleep } from "node:timers/promises";
import type { HostOutput } from "./outputs";
import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import { duration } from "../base/text";
import { HostUnreachable } from "./ssh-errors";
import { connectHost } from "./ssh-host";

/** Milliseconds: the time limits of one try, and the pause between two tries, which grows. */
const TRY = { connect: 10_000, keepalive: 15_000 };
const PAUSE = { first: 100, factor: 1.5, longest: 5_000 };

/**
 * Waits until the operator can log in to the host. It waits only for what passes by itself: no answer, no sshd yet, no
 * logins yet. A wrong key is an error at once. @param seconds how long to wait at most
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
        throw new HostUnreachable(`${error.message} (tried for ${duration(waited())})`, error.hint, { cause: error });
      }
    }
    screen.status(`waiting for the host to boot, ${duration(waited())} …`);
    await sleep(pause);
  }
}
