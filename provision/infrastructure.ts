import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "./base/errors";
import { duration } from "./base/text";
import type { Deployment } from "./deployment/deployment";
import { pinNewHost, pinsOf } from "./link/known-hosts";
import { Outputs, loginOf } from "./link/outputs";
import { waitForHost } from "./link/wait-for-host";
import { runScript } from "./script";
import { confirmLosses } from "./stacks/confirm";
import { learnHostKeys } from "./stacks/host-keys";
import { Infrastructure } from "./stacks/infrastructure";
import { infrastructureOf } from "./stacks/infrastructure-of";
import type { PlannedChange } from "./stacks/planned-changes";
import { applyInfrastructure } from "./stacks/terraform-apply";
import { readStackOutputs } from "./stacks/terraform-run";

runScript(async (deployment, context) => {
  const { screen, signals } = context;
  const started = Date.now();
  requireKey(deployment);
  screen.status("planning …");
  const { changes, hosts } = await signals.hold(() => makeInfrastructure(infrastructureOf(context, deployment)));
  if (changes.length === 0) return screen.print("nothing to do");
  const took = duration((Date.now() - started) / 1000);
  screen.print(`infrastructure is ready in ${took}: ${hosts.map(loginOf).join(", ")}`);
  screen.advise("next: make provision");
});

async function makeInfrastructure(
  infrastructure: Infrastructure,
): Promise<Pick<Outputs, "hosts"> & { readonly changes: readonly PlannedChange[] }> {
  const { context, deployment, hostKeys, bootSeconds } = infrastructure;
  await infrastructure.check();
  const { changes } = await applyInfrastructure(infrastructure, async (plan, untouched) => {
    context.screen.say(plan.text);
    await infrastructure.refuse(plan, untouched);
    await confirmLosses(context, deployment, plan, "infrastructure", untouched);
  });
  const made = infrastructure.withoutTerraform ? {} : await readStackOutputs(context, deployment, "host");
  const outputs = await infrastructure.complete(made);
  writeOutputs(deployment, outputs);
  for (const host of outputs.hosts) {
    // If a key is pinned for this host already, it was learned in the same way, here or by another operator.
    if (!hostKeys.forgets || pinsOf(deployment, host).length === 0)
      pinNewHost(deployment, host, await learnHostKeys(context, hostKeys, host));
    await waitForHost(context, deployment, host, bootSeconds);
  }
  return { changes, hosts: outputs.hosts };
}

/** @throws UserError if there is no SSH key, because then nobody could log in to the host */
function requireKey({ operators, paths }: Deployment): void {
  if (operators.length > 0 || existsSync(`${paths.sshKey}.pub`)) return;
  throw new UserError(`there is no SSH key: ${paths.sshKey}.pub`, "run make keypair");
}

function writeOutputs({ paths }: Deployment, outputs: Outputs): void {
  mkdirSync(dirname(paths.outputs), { recursive: true });
  writeFileSync(`${paths.outputs}.tmp`, `${JSON.stringify(outputs, null, 2)}\n`);
  renameSync(`${paths.outputs}.tmp`, paths.outputs);
}
