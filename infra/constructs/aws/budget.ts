import { BudgetsBudget } from "@cdktf/provider-aws/lib/budgets-budget";
import type { Construct } from "constructs";
import type { AwsProps } from "../../aws-props";

/** A budget for the whole account: one that counts by tag stays at 0 until somebody activates the tag for billing. */
export function budget(scope: Construct, { name, budgetUsd, alarmEmail }: AwsProps): void {
  if (!budgetUsd || !alarmEmail) return;
  const notice = (notificationType: "ACTUAL" | "FORECASTED", threshold: number) => ({
    comparisonOperator: "GREATER_THAN",
    threshold,
    thresholdType: "PERCENTAGE",
    notificationType,
    subscriberEmailAddresses: [alarmEmail],
  });
  new BudgetsBudget(scope, "budget", {
    name,
    budgetType: "COST",
    limitAmount: budgetUsd.toFixed(2),
    limitUnit: "USD",
    timeUnit: "MONTHLY",
    notification: [notice("ACTUAL", 80), notice("FORECASTED", 100)],
  });
}
