import type { Context } from "../base/context";
import type { Deployment } from "../deployment/deployment";
import type { HostOutput, Outputs } from "../link/outputs";
import type { InfrastructurePlan, PlannedChange, Stack, TerraformPlan } from "./plan-text";

/** All that depends on where a deployment's hosts are made. One implementation each: this machine, and AWS. */
export interface Infrastructure {
  readonly context: Context;
  readonly deployment: Deployment;
  /** Looks, before Terraform starts, whether it may: at credentials and account, at the state. @throws UserError */
  check(options?: { readonly isLeaving?: boolean }): Promise<void>;
  /** @throws UserError for a plan that Terraform would begin and that must not be */
  refuse(plan: InfrastructurePlan): Promise<void>;
  /** What is said below a plan, a line each. */
  notes(plans: readonly TerraformPlan[], changes: readonly PlannedChange[]): readonly string[];
  /** `notes` looks at stacks that do not change, too. */
  readonly readsEmptyPlans: boolean;
  /** Whether a teardown destroys all of a stack, or plans it without what goes. */
  destroysWhole(stack: Stack): boolean;
  /** What the host stack says, with what only the machine that runs the host knows. */
  complete(stackOutputs: Record<string, unknown>): Promise<Outputs>;
  /** How a new host shows its SSH host key, past the network that the key protects. */
  readonly hostKeys: HostKeySource;
  /** Seconds until a new host lets its operator in. */
  readonly bootSeconds: number;
  /** Says what a teardown of these stacks loses, asks, and destroys them. */
  tearDown(stacks: readonly Stack[]): Promise<void>;
}

export interface HostKeySource {
  /** Public keys, `type base64`; empty while the host is booting. */
  read(host: HostOutput): Promise<string[]>;
  /** The source forgets: a pin of this very host that is there already is believed. */
  readonly forgets: boolean;
  /** Seconds to wait for, and between two looks. */
  readonly seconds: number;
  readonly pause: number;
  /** What to do if no key is shown. */
  readonly hint: string;
}
