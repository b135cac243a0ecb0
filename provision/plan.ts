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
import { UserError } from "./base/errors";
import type { Host } from "./link/host";
import { planPush } from "./page/planned-push";
import { dagFolderOf, readDags } from "./release/dag-files";
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

interface Plans {
  readonly plan: Plan;
  /** What a push of the DAGs would do; undefined if nothing can be pushed yet. */
  readonly push?: string;
}

/** If infrastructure changes, the host may be about to be made again and need not answer. @throws every other error */
function showHost(screen: Screen, host: PromiseSettledResult<Plans | undefined>, hostMayChange: boolean): void {
  const again = "run make plan again after make infrastructure";
  if (host.status === "rejected") {
    if (!hostMayChange || !isOutOfReach(host.reason)) throw host.reason;
    return screen.print(`host: not planned, ${host.reason.message}; ${again}`);
  }
  if (!host.value) return screen.print(`host: there is none yet; ${again}`);
  const { plan, push } = host.value;
  screen.print(plan.length === 0 ? "host: nothing to do" : `host (make provision):\n${describePlan(plan)}`);
  if (push) screen.print(push);
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
async function planTheHost(context: Context, deployment: Deployment, drafting: Promise<Draft>): Promise<Plans> {
  const target = mainHost(deployment);
  const { secrets } = await drafting;
  return withHost(deployment, target, async (host) => {
    const first = await planFirstBoot(context, host, readOutputs(deployment));
    if (first.length > 0) return { plan: first };
    const { plan } = await planHost(context, host, steps, prepare(deployment, secrets, target, host.loginKey));
    return { plan, push: await planDags(host, deployment) };
  });
}

/** What `make dags` would change, or why it would fail. */
async function planDags(host: Host, deployment: Deployment): Promise<string> {
  try {
    const lines = await planPush(host, readDags(dagFolderOf(deployment)));
    return lines.length > 0 ? `dags (make dags):\n${indent(lines.join("\n"), 2)}` : "dags: nothing to do";
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `dags: not planned, ${error.message}`;
  }
}

/** Every action with its reason or diff. */
const describePlan = (plan: Plan): string =>
  plan
    .flatMap(({ step, actions }) => [
      `  ${step}`,
      ...actions.flatMap(({ summary, detail }) => [`    ${summary}`, ...(detail ? [indent(detail, 8)] : [])]),
    ])
    .join("\n");
