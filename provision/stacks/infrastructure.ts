import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import type { HostOutput, Outputs } from "../link/outputs";
import type { InfrastructurePlan, PlannedChange, Stack, TerraformPlan } from "./planned-changes";

/** Everything that depends on where a deployment's hosts are made. This machine and AWS have an implementation each. */
export interface Infrastructure {
  readonly context: Context;
  readonly deployment: Deployment;
  /** Checks credentials, account and state before Terraform starts. @throws UserError */
  check(options?: { readonly isLeaving?: boolean }): Promise<void>;
  /** @param untouched what is true if it throws @throws UserError if the plan must not be applied, although Terraform would begin to */
  refuse(plan: InfrastructurePlan, untouched: string): Promise<void>;
  /** The lines that are shown below a plan. */
  notes(plans: readonly TerraformPlan[], changes: readonly PlannedChange[]): readonly string[];
  /** Whether `notes` reads the plans of stacks that do not change, too. */
  readonly readsEmptyPlans: boolean;
  /** Whether a teardown destroys the whole stack. If not, it applies the stack without what must go. */
  destroysWhole(stack: Stack): boolean;
  /** The changes of an infrastructure that Terraform has no part in: then there are no stacks. */
  readonly withoutTerraform?: () => readonly PlannedChange[];
  /** The host stack's outputs, completed by what only Docker knows: a local host's private address. */
  complete(stackOutputs: Record<string, unknown>): Promise<Outputs>;
  /** How a new host's SSH host key is read without the network that the key protects. */
  readonly hostKeys: HostKeySource;
  /** How many seconds a new host may take until its operator can log in. */
  readonly bootSeconds: number;
  /** Shows what a teardown of these stacks loses, asks for confirmation, and destroys them. */
  tearDown(stacks: readonly Stack[]): Promise<void>;
}

export interface HostKeySource {
  /** Public keys, `type base64`; empty while the host is booting. */
  read(host: HostOutput): Promise<string[]>;
  /** The source may lose the keys later, as EC2's console does. A key that is pinned for this host is trusted then. */
  readonly forgets: boolean;
  /** How many seconds to wait for the keys at most. */
  readonly seconds: number;
  /** Seconds between two reads. */
  readonly pause: number;
  /** What to do if no key is shown. */
  readonly hint: string;
}
