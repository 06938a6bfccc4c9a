"""Datadog's service level objective (SLO) for the API."""

import pulumi_datadog as datadog

from components.datadog.alert_scope import Scope
from components.datadog.monitoring_context import MonitoringContext


def declare_availability(context: MonitoringContext, scope: Scope) -> datadog.ServiceLevelObjective:
    """Declare the availability SLO: a target for the share of requests to the API that succeed."""
    slo, rate = context.settings.slo, context.settings.thresholds.error_rate
    hits = f"sum:{rate.hits_metric}{scope.traces}.as_count()"
    errors = f"sum:{rate.errors_metric}{scope.traces}.as_count()"
    return datadog.ServiceLevelObjective(
        "availability",
        name=context.title("Availability"),
        description=f"Requests to {scope.service} that do not fail",
        type="metric",
        query={"numerator": f"{hits} - {errors}", "denominator": hits},
        thresholds=[
            {"timeframe": slo.timeframe, "target": slo.target_percent, "warning": slo.warning_percent}
        ],
        tags=context.naming.datadog(),
        opts=context.options,
    )
