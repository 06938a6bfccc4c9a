"""Datadog metrics that are generated from the access log of the TLS proxy."""

import pulumi_datadog as datadog

from components.datadog.monitoring_context import MonitoringContext
from components.kubernetes import pods


def declare_proxy_metric(context: MonitoringContext, name: str, status: str) -> str:
    """Declare a metric that counts the TLS proxy's logged requests by status, and return its name.

    `status` is a value or a range in the syntax of Datadog's log search: `*`, `[500 TO 599]`. The stacks
    share a Datadog organization, in which metric names are unique, so the name contains the environment. The
    metric has no tags, since none are requested (Datadog documentation: Generate Metrics from Ingested Logs).
    """
    environment = context.naming.environment
    metric = f"pipe.{environment}.proxy.{name}"
    datadog.LogsMetric(
        f"proxy-{name}",
        name=metric,
        compute={"aggregation_type": "count"},
        filter={"query": f"env:{environment} service:{pods.PROXY} @http.status_code:{status}"},
        opts=context.options,
    )
    return metric
