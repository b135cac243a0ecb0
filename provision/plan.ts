import type { Context } from "./base/context";
import type { Screen } from "./base/screen";
import type { Deployment } from "./deployment/deployment";
import { planFirstBoot } from "./first-boot";
import { planHost } from "./change/change-host";
import { mainHost } from "./link/main-host";
import { hasOutputs, readOutputs } from "./link/outputs";
import { indent } from "./base/text";
import { Plan } from "./change/planning";
import { prepare } from "./release/make-wanted";
import { runScript } from "./script";
import { Draft, draftSecrets } from "./deployment/secrets-file";
import { describeReaders, isChange } from "./deployment/secrets-readers";
import { HostUnreachable, LinkLost } from "./link/ssh-errors";
import { withHost } from "./link/ssh-host";
import { steps } from "./steps/index";
import { NOTHING_TOUCHED } from "./base/confirm";
import { Infrastructure } from "./stacks/infrastructure";
import { infrastructureOf } from "./stacks/infrastructure-of";
import type { InfrastructurePlan } from "./stacks/planned-changes";
import { planInfrastructure } from "./stacks/terraform-plan";

runScript(async (deployment, context) => {
  const { screen } = context;
  const drafting = hasOutputs(deployment) ? draftSecrets(deployment) : undefined;
  const [infrastructure, draft, host] = await Promise.allSettled([
    planTheInfrastructure(infrastructureOf(context, deployment)),
    drafting,
    drafting && planTheHost(context, deployment, drafting),
  ]);
  if (infrastructure.status === "rejected") throw infrastructure.reason;
  const { plan, refusal } = infrastructure.value;
  showInfrastructure(screen, plan);
  if (draft.status === "fulfilled" && draft.value && isChange(draft.value.readers))
    screen.print(
      `secrets (make provision), who can read them:\n${indent(describeReaders(draft.value.readers).join("\n"), 2)}`,
    );
  showHost(screen, host, plan.changes.length > 0);
  if (refusal) throw refusal;
});

function showInfrastructure(screen: Screen, { changes, text, losses }: InfrastructurePlan): void {
  screen.print(
    changes.length === 0
      ? "infrastructure: nothing to do"
      : `infrastructure (make infrastructure):\n${indent(text, 2)}`,
  );
  if (losses.length > 0) screen.print(`  loses, for good:\n${indent(losses.join("\n"), 4)}`);
}

/** If infrastructure changes, the host may be about to be made again and need not answer. @throws every other error */
function showHost(screen: Screen, host: PromiseSettledResult<Plan | undefined>, hostMayChange: boolean): void {
  const again = "run make plan again after make infrastructure";
  if (host.status === "rejected") {
    if (!hostMayChange || !isOutOfReach(host.reason)) throw host.reason;
    return screen.print(`host: not planned, ${host.reason.message}; ${again}`);
  }
  if (!host.value) return screen.print(`host: there is none yet; ${again}`);
  screen.print(host.value.length === 0 ? "host: nothing to do" : `host (make provision):\n${describePlan(host.value)}`);
}

const isOutOfReach = (reason: unknown): reason is Error =>
  reason instanceof HostUnreachable || reason instanceof LinkLost;

/** The plan, and why `make infrastructure` would refuse it. */
async function planTheInfrastructure(
  infrastructure: Infrastructure,
): Promise<{ readonly plan: InfrastructurePlan; readonly refusal?: unknown }> {
  await infrastructure.check();
  const plan = await planInfrastructure(infrastructure);
  return infrastructure.refuse(plan, NOTHING_TOUCHED).then(
    () => ({ plan }),
    (refusal: unknown) => ({ plan, refusal }),
  );
}

/** Plans the host. While its data volume is not mounted, plans only the mount: the rest depends on what it holds. */
async function planTheHost(context: Context, deployment: Deployment, drafting: Promise<Draft>): Promise<Plan> {
  const target = mainHost(deployment);
  const { secrets } = await drafting;
  return withHost(deployment, target, async (host) => {
    const first = await planFirstBoot(context, host, readOutputs(deployment));
    if (first.length > 0) return first;
    return (await planHost(context, host, steps, prepare(deployment, secrets, target, host.loginKey))).plan;
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
