import { consoleOutput, findInstances } from "../aws/ec2";
import { checkCloud, leftovers, refuseFullBucket, refuseTwin, requireFreshBackup, tagsOf } from "../aws/aws-checks";
import { monthlyCost } from "../aws/aws-cost";
import type { Context } from "../base/context";
import { age, duration } from "../base/text";
import { TASKS_STOP_SECONDS } from "../deployment/aws-settings";
import type { AwsDeployment } from "../deployment/deployment";
import { Outputs } from "../link/outputs";
import { confirmLosses } from "./confirm";
import { forgetHosts } from "./forget";
import { NO_CONSOLE, keysOfConsole } from "./host-keys";
import type { Infrastructure } from "./infrastructure";
import { InfrastructurePlan, PlannedChange, Stack, TerraformPlan, summarize } from "./planned-changes";
import { refuseForeignState, refuseUnstoredState } from "./state-files";
import { applyInfrastructure } from "./terraform-apply";

/** A host on EC2. */
export function awsInfrastructure(context: Context, deployment: AwsDeployment): Infrastructure {
  const { aws } = deployment;
  const infrastructure: Infrastructure = {
    context,
    deployment,
    check: async ({ isLeaving = false } = {}) => {
      refuseUnstoredState(deployment);
      refuseForeignState(deployment);
      await checkCloud(deployment, { isLeaving });
    },
    refuse: async ({ changes }, untouched) => {
      await refuseTwin(deployment, changes, untouched);
      await refuseFullBucket(deployment, changes, untouched);
    },
    notes: (plans, changes) => notesOf(plans, changes, aws.region),
    // The costs are those of all resources, unchanged ones included.
    readsEmptyPlans: true,
    // The data stack keeps the backups and their key: it is planned without the data instead of being destroyed.
    destroysWhole: (stack) => stack === "host",
    complete: async (stackOutputs) => Outputs.parse(stackOutputs),
    hostKeys: {
      read: async ({ id }) => keysOfConsole(await consoleOutput(aws, id)),
      forgets: true,
      seconds: 300,
      pause: 5,
      hint: NO_CONSOLE,
    },
    bootSeconds: 300,
    tearDown: (stacks) => tearDown(infrastructure, deployment, stacks),
  };
  return infrastructure;
}

/** The lines below a plan: whether the host is stopped, the costs, and the plan's id. */
export function notesOf(plans: readonly TerraformPlan[], changes: readonly PlannedChange[], region: string): string[] {
  const resources = plans.flatMap(({ planned_values: values }) => values?.root_module?.resources ?? []);
  const stops = plans.some(({ resource_changes: all = [] }) =>
    all.some(
      ({ type, change: { actions, before, after } }) =>
        type === "aws_instance" &&
        actions.join() === "update" &&
        before?.["instance_type"] !== after?.["instance_type"],
    ),
  );
  const stop = `the host is stopped and started for this: running tasks get ${TASKS_STOP_SECONDS / 60} minutes to end`;
  return [...(stops ? [stop] : []), monthlyCost(resources, region), `plan ${summarize(changes).id}`];
}

/** Destroys the stacks, but not the backups, the key that decrypts them, and a last snapshot of the data volume. */
async function tearDown(
  infrastructure: Infrastructure,
  deployment: AwsDeployment,
  stacks: readonly Stack[],
): Promise<void> {
  const { context } = infrastructure;
  const { screen, signals } = context;
  const started = Date.now();
  await infrastructure.check({ isLeaving: true });
  for (const { id, launched } of await findInstances(deployment.aws, { ...tagsOf(deployment), Stack: "host" })) {
    screen.say(`the host ${id}, ${age((Date.now() - launched.getTime()) / 1000)} old`);
  }
  const confirm = async (plan: InfrastructurePlan): Promise<void> => {
    screen.say(plan.text);
    // The plan decides, not what this machine knows of the deployment: a teardown may start from a fresh clone.
    if (plan.changes.some(({ address }) => address === "aws_ebs_volume.data")) requireFreshBackup(deployment);
    await confirmLosses(context, deployment, plan, stacks.includes("data") ? "teardown" : "teardown KEEP_DATA=1");
  };
  const { changes } = await signals.hold(() => applyInfrastructure(infrastructure, confirm, { destroy: stacks }));
  forgetHosts(deployment);
  screen.print(
    changes.length === 0
      ? "nothing to do"
      : `gone, in ${duration((Date.now() - started) / 1000)}; keys, secrets and backups stay`,
  );
  const left = await leftovers(deployment);
  if (left.length > 0) screen.print(`what still costs money:\n${left.map((line) => `  ${line}`).join("\n")}`);
}
