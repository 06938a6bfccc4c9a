"""Datadog's monitors, service level objective, synthetic checks and dashboard as one component."""

from dataclasses import dataclass

import pulumi
import pulumi_datadog as datadog

from components.common import connections
from components.common.naming import Naming
from components.common.outputs import require_output
from components.datadog.alert_catalog import alerts
from components.datadog.alert_scope import Scope
from components.datadog.dashboard import render
from components.datadog.monitoring_context import MonitoringContext
from components.datadog.monitors import (
    declare_alert_monitor,
    declare_backup_monitor,
    declare_error_budget_monitor,
)
from components.datadog.proxy_metrics import declare_proxy_metric
from components.datadog.slo import declare_availability
from components.datadog.synthetics import declare_site_check, declare_tls_check
from components.kubernetes import pods
from components.settings.models.monitoring import Monitoring as Settings


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Arguments of Monitoring."""

    settings: Settings
    naming: Naming
    host: str
    """The stack's public host."""
    health_path: str
    """Path of the API's health check."""
    probe_paths: tuple[str, ...]
    """Paths of the kubelet's probes."""
    namespace: str
    """The namespace of the pods; a plain string, so that queries are known before the cluster exists."""
    database_identifier: pulumi.Input[str]
    """The RDS instance's identifier."""
    synthetic_token: pulumi.Input[str]
    """Secret header value that identifies synthetic checks at the edge."""


class Monitoring(pulumi.ComponentResource):
    """Monitors and a dashboard for the alert catalog, the availability SLO, and the synthetic checks."""

    monitor_ids: dict[str, pulumi.Output[str]]
    """ID of each monitor by the name of its alert, such as HighErrorRate."""
    dashboard_url: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:monitoring:Monitoring", name, None, opts)
        context = MonitoringContext(
            settings=args.settings, naming=args.naming, options=pulumi.ResourceOptions(parent=self)
        )
        scope = Scope(
            environment=args.naming.environment,
            service=pods.API,
            namespace=args.namespace,
            database=args.database_identifier,
            backup=connections.BACKUP.app,
            probe_paths=args.probe_paths,
            proxy_requests=declare_proxy_metric(context, "requests", "*"),
            proxy_errors=declare_proxy_metric(context, "errors", "[500 TO 599]"),
        )

        catalog = alerts(args.settings.thresholds, scope)
        objective = declare_availability(context, scope)
        monitors = {alert.name: declare_alert_monitor(context, alert) for alert in catalog}
        monitors["BackupFailed"] = declare_backup_monitor(context, scope)
        monitors["ErrorBudgetBurn"] = declare_error_budget_monitor(context, objective.id)
        declare_site_check(context, args.host, args.health_path, args.synthetic_token)
        declare_tls_check(context, args.host)
        dashboard = datadog.DashboardJson(
            name,
            dashboard=render(args.naming, catalog, scope, objective.id, args.settings.slo.timeframe),
            opts=context.options,
        )

        self.monitor_ids = {alert: monitor.id for alert, monitor in monitors.items()}
        path = require_output(dashboard.url, resource="Datadog's dashboard", meaning="its address")
        self.dashboard_url = pulumi.Output.concat(application(args.settings.site), path)
        self.register_outputs({"monitor_ids": self.monitor_ids, "dashboard_url": self.dashboard_url})


def application(site: str) -> str:
    """Return the web address of a site, such as https://ap1.datadoghq.com (Datadog's site table)."""
    return f"https://app.{site}" if site in ("datadoghq.com", "datadoghq.eu") else f"https://{site}"
