"""Datadog's metrics from the access log of the TLS proxy."""

import pulumi_datadog as datadog

from components.datadog.monitoring_context import MonitoringContext
from components.kubernetes import pods


def declare_proxy_metric(context: MonitoringContext, name: str, status: str) -> str:
    """Count the lines of the TLS proxy's access log that have a status; return the metric's name.

    The environment is in the name, since an organization has one log-based metric of a name, and the
    stacks share it. A metric has only the tags that are asked for: none (Datadog documentation: Generate
    Metrics from Ingested Logs).
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
