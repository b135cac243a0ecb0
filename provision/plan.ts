import type { Context } from "./base/context";
import type { Deployment } from "./deployment/deployment";
import { planFirstBoot } from "./first-boot";
import { planHost } from "./change/host-plan";
import { mainHost } from "./link/main-host";
import { hasOutputs, readOutputs } from "./link/outputs";
import { indent } from "./base/text";
import { Plan } from "./change/planning";
import { prepare } from "./release/prepare";
import { runScript } from "./script";
import { draftSecrets } from "./deployment/secrets-file";
import { withHost } from "./link/ssh-host";
import { steps } from "./steps/index";
import { Infrastructure } from "./stacks/infrastructure";
import { infrastructureOf } from "./stacks/infrastructure-of";
import type { InfrastructurePlan } from "./stacks/plan-text";
import { planInfrastructure } from "./stacks/terraform-plan";

runScript(async (deployment, context) => {
  const { screen } = context;
  const [infrastructure, host] = await Promise.allSettled([
    planTheInfrastructure(infrastructureOf(context, deployment)),
    hasOutputs(deployment) ? planTheHost(context, deployment) : undefined,
  ]);
  if (infrastructure.status === "rejected") throw infrastructure.reason;
  const { changes, text, losses } = infrastructure.value;
  screen.print(
    changes.length === 0
      ? "infrastructure: nothing to do"
      : `infrastructure (make infrastructure):\n${indent(text, 2)}`,
  );
  if (losses.length > 0) screen.print(`  loses, for good:\n${indent(losses.join("\n"), 4)}`);
  // If infrastructure changes, the host may be about to be made again and need not answer.
  if (host.status === "rejected" && changes.length > 0)
    return screen.print("host: not planned, it cannot be read now; run make plan again after make infrastructure");
  if (host.status === "rejected") throw host.reason;
  if (!host.value) return screen.print("host: there is none yet; run make plan again after make infrastructure");
  screen.print(host.value.length === 0 ? "host: nothing to do" : `host (make provision):\n${describePlan(host.value)}`);
});

async function planTheInfrastructure(infrastructure: Infrastructure): Promise<InfrastructurePlan> {
  await infrastructure.check();
  const plan = await planInfrastructure(infrastructure);
  await infrastructure.refuse(plan);
  return plan;
}

/** Plans the host. While its data volume is not mounted, plans only the mount: the rest depends on what it holds. */
async function planTheHost(context: Context, deployment: Deployment): Promise<Plan> {
  const target = mainHost(deployment);
  const { secrets } = await draftSecrets(deployment);
  return withHost(deployment, target, async (host) => {
    const first = await planFirstBoot(context, host, readOutputs(deployment));
    if (first.length > 0) return first;
    return (await planHost(context, host, steps, prepare(deployment, secrets, target))).plan;
  });
}

/** Every action with its reason or diff. */
const describePlan = (plan: Plan): string =>
  plan
    .flatMap(({ step, actions }) => [
      `  ${step}`,
      ...actions.flatMap(({ summary, detail }) => [`    ${summary}`, ...(detail ? [indent(detail, 8)] : [])]),
    ])
    .join("\n");
