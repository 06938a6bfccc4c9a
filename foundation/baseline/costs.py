"""The budget of an account and the detection of unusual costs, which AWS e-mails."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.common.naming import Naming
from foundation.settings.models.baseline import Anomalies, Budget


@dataclass(frozen=True, kw_only=True)
class CostAlarmsArgs:
    """Arguments of CostAlarms."""

    budget: Budget
    anomalies: Anomalies
    emails: Sequence[str]
    """Addresses that receive the alarms."""
    naming: Naming


class CostAlarms(pulumi.ComponentResource):
    """A monthly budget with alarms on costs and forecast, and a daily report of cost anomalies.

    AWS sends both by e-mail, so they also arrive if Datadog fails or is not paid.
    """

    def __init__(self, name: str, args: CostAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:account:CostAlarms", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        naming, budget, anomalies = args.naming, args.budget, args.anomalies
        costs_name = f"{naming.service}-costs"
        tags = {**naming.aws(), "Name": costs_name}
        if budget.enabled:
            aws.budgets.Budget(
                name,
                name=costs_name,
                budget_type="COST",
                time_unit="MONTHLY",
                limit_amount=str(budget.monthly_usd),
                limit_unit="USD",
                notifications=alarms(budget, args.emails),
                tags=tags,
                opts=child,
            )
        if anomalies.enabled:
            monitor: pulumi.Input[str] = anomalies.monitor_arn
            if not monitor:
                monitor = aws.costexplorer.AnomalyMonitor(
                    name,
                    name=costs_name,
                    monitor_type="DIMENSIONAL",
                    monitor_dimension="SERVICE",
                    tags=tags,
                    opts=child,
                ).arn
            aws.costexplorer.AnomalySubscription(
                name,
                name=costs_name,
                # E-mails are daily or weekly; IMMEDIATE needs an SNS topic (AWS Cost Management API,
                # AnomalySubscription).
                frequency="DAILY",
                monitor_arn_lists=[monitor],
                subscribers=[{"type": "EMAIL", "address": email} for email in args.emails],
                threshold_expression={
                    "dimension": {
                        "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                        "match_options": ["GREATER_THAN_OR_EQUAL"],
                        "values": [str(anomalies.minimum_usd)],
                    }
                },
                tags=tags,
                opts=child,
            )
        self.register_outputs({})


def alarms(budget: Budget, emails: Sequence[str]) -> list[aws.budgets.BudgetNotificationArgsDict]:
    """Return an alarm for each percentage of actual costs, and one for the forecast."""
    thresholds = [("ACTUAL", percent) for percent in sorted(budget.actual_percents)]
    thresholds.append(("FORECASTED", budget.forecast_percent))
    return [
        {
            "notification_type": kind,
            "comparison_operator": "GREATER_THAN",
            "threshold": percent,
            "threshold_type": "PERCENTAGE",
            "subscriber_email_addresses": list(emails),
        }
        for kind, percent in thresholds
    ]
