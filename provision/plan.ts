import { checkAws, refuseTwin } from "./aws/aws-checks";
import type { Deployment } from "./deployment/deployment";
import { planFirstBoot } from "./first-boot";
import { planHost } from "./change/host-plan";
import { mainHost } from "./link/main-host";
import { hasOutputs, readOutputs } from "./link/outputs";
import { print, printable } from "./base/output";
import { Plan } from "./change/planning";
import { prepare } from "./release/prepare";
import { runScript } from "./script";
import { draftSecrets } from "./deployment/secrets-file";
import { withHost } from "./link/ssh-host";
import { steps } from "./steps";
import { InfrastructurePlan, planInfrastructure } from "./stacks/terraform-plan";

runScript(async (deployment) => {
  const [infrastructure, host] = await Promise.allSettled([
    planTheInfrastructure(deployment),
    hasOutputs(deployment) ? planTheHost(deployment) : undefined,
  ]);
  if (infrastructure.status === "rejected") throw infrastructure.reason;
  const { changes, text, losses } = infrastructure.value;
  print(
    changes.length === 0
      ? "infrastructure: nothing to do"
      : `infrastructure (make infrastructure):\n${indent(text, 2)}`,
  );
  if (losses.length > 0) print(`  loses, for good:\n${indent(losses.join("\n"), 4)}`);
  // A host that is about to be made again need not answer.
  if (host.status === "rejected" && changes.length > 0) return print("host: to be planned when it is there");
  if (host.status === "rejected") throw host.reason;
  if (!host.value) return print("host: there is none yet; it is planned when it is there");
  print(host.value.length === 0 ? "host: nothing to do" : `host (make provision):\n${describePlan(host.value)}`);
});

async function planTheInfrastructure(deployment: Deployment): Promise<InfrastructurePlan> {
  if (deployment.infrastructure !== "aws") return planInfrastructure(deployment);
  await checkAws(deployment);
  const plan = await planInfrastructure(deployment);
  await refuseTwin(deployment, plan.changes);
  return plan;
}

/** A host whose data volume is not mounted yet: the rest is planned when it can be seen what lies on it. */
async function planTheHost(deployment: Deployment): Promise<Plan> {
  const target = mainHost(deployment);
  const { secrets } = await draftSecrets(deployment);
  return withHost(deployment, target, async (host) => {
    const first = await planFirstBoot(host, readOutputs(deployment));
    if (first.length > 0) return first;
    return (await planHost(host, steps, prepare(deployment, secrets, target))).plan;
  });
}

/** Every action with its reason or diff. */
const describePlan = (plan: Plan): string =>
  plan
    .flatMap(({ step, actions }) => [
      `  ${step}`,
      ...actions.flatMap(({ summary, detail }) => [
        `    ${summary}`,
        ...(detail ? [indent(printable(detail), 8)] : []),
      ]),
    ])
    .join("\n");

const indent = (text: string, by: number): string => text.replace(/^(?=.)/gm, " ".repeat(by));
