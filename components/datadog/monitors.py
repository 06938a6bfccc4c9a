"""Datadog's monitors, service level objective, synthetic checks and dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_datadog as datadog

from components.common.naming import Naming
from components.common.outputs import require_output
from components.datadog.alert import Alert, Audience, Missing, Severity, message, number
from components.datadog.alert_catalog import BACKUP_CHECK, Scope, alerts
from components.datadog.dashboard import render
from components.kubernetes import pods
from components.settings.models.monitoring import Monitoring as Settings

BACKUP = "pipe-backup"
"""The CronJob that backs the database up."""

PRIORITIES: dict[Severity, int] = {"critical": 1, "warning": 3}
"""Datadog's priorities go from 1 to 5."""

NEW_GROUP_SECONDS = 300
"""Seconds before a new pod or node is evaluated."""

NO_DATA_MINUTES = 120
"""Minutes without data after which a service check notifies."""

RESPONSE_MILLISECONDS = 5000
"""Milliseconds after which a synthetic check fails; the response time has an alert of its own."""

CERTIFICATE_CHECK_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """Arguments of Monitoring."""

    settings: Settings
    naming: Naming
    host: str
    """The stack's host."""
    health_path: str
    """Path of the API's health check."""
    probe_paths: tuple[str, ...]
    """Paths of the kubelet's probes."""
    namespace: str
    """The namespace of the pods; plain, so that queries are known before there is a cluster."""
    database_identifier: pulumi.Input[str]
    """The RDS instance's identifier."""
    synthetic_token: pulumi.Input[str]
    """Secret header value that identifies synthetic checks at the edge."""


class Monitoring(pulumi.ComponentResource):
    """Monitors and dashboard of the alert catalog, with the objective and the synthetic checks."""

    monitor_ids: dict[str, pulumi.Output[str]]
    """By the alert's name: HighErrorRate."""
    dashboard_url: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pipe:monitoring:Monitoring", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        scope = Scope(
            environment=args.naming.environment,
            service=pods.API,
            namespace=args.namespace,
            database=args.database_identifier,
            backup=BACKUP,
            probe_paths=args.probe_paths,
            proxy_requests=self._proxy_metric("requests", "*"),
            proxy_errors=self._proxy_metric("errors", "[500 TO 599]"),
        )

        watched = alerts(args.settings.thresholds, scope)
        objective = self._availability(scope)
        monitors = {alert.name: self._alert(alert) for alert in watched}
        monitors["BackupFailed"] = self._backup_failed(scope)
        monitors["ErrorBudgetBurn"] = self._error_budget_burn(objective.id)
        self._site_down()
        self._weak_tls()
        dashboard = datadog.DashboardJson(
            name,
            dashboard=render(args.naming, watched, scope, objective.id, args.settings.slo.timeframe),
            opts=self._child,
        )

        self.monitor_ids = {alert: monitor.id for alert, monitor in monitors.items()}
        path = require_output(dashboard.url, resource="Datadog's dashboard", meaning="its address")
        self.dashboard_url = pulumi.Output.concat(application(args.settings.site), path)
        self.register_outputs({"monitor_ids": self.monitor_ids, "dashboard_url": self.dashboard_url})

    def _proxy_metric(self, name: str, status: str) -> str:
        """Count the lines of the TLS proxy's access log that have a status; return the metric's name.

        The environment is in the name, since an organization has one log-based metric of a name, and the
        stacks share it. A metric has only the tags that are asked for: none (Datadog documentation: Generate
        Metrics from Ingested Logs).
        """
        environment = self._args.naming.environment
        metric = f"pipe.{environment}.proxy.{name}"
        datadog.LogsMetric(
            f"proxy-{name}",
            name=metric,
            compute={"aggregation_type": "count"},
            filter={"query": f"env:{environment} service:{pods.PROXY} @http.status_code:{status}"},
            opts=self._child,
        )
        return metric

    def _alert(self, alert: Alert) -> datadog.Monitor:
        at = alert.threshold
        return self._monitor(
            alert.name,
            alert.severity,
            type="query alert",
            query=alert.query,
            thresholds={"warning": number(at.warning), "critical": number(at.critical)},
            message=self._message(
                alert.name, alert.summary, alert.severity, no_data=alert.missing != "resolve"
            ),
            missing=alert.missing,
            delay=alert.evaluation_delay,
            new_group_delay=NEW_GROUP_SECONDS if alert.groups else None,
            notify_by=alert.notify_by,
        )

    def _backup_failed(self, scope: Scope) -> datadog.Monitor:
        name = "BackupFailed"
        tags = ",".join(f'"{tag}"' for tag in scope.backups)
        return self._monitor(
            name,
            "critical",
            type="service check",
            query=f'"{BACKUP_CHECK}".over({tags}).by("kube_cronjob").last(2).count_by_status()',
            thresholds={"ok": "1", "warning": "1", "critical": "1"},  # times in a row
            message=self._message(
                name, "The last backup of the database failed", "critical", measured=False, no_data=True
            ),
            no_data_minutes=NO_DATA_MINUTES,
        )

    def _error_budget_burn(self, objective: pulumi.Output[str]) -> datadog.Monitor:
        name, slo = "ErrorBudgetBurn", self._args.settings.slo
        critical = number(slo.burn_rate_critical)
        # An hour shows that it matters, five minutes that it still goes on (SRE Workbook, Alerting on SLOs).
        windows = f'over("{slo.timeframe}").long_window("1h").short_window("5m")'
        summary = f"The error budget burns {critical} times as fast as it may"
        return self._monitor(
            name,
            "critical",
            type="slo alert",
            query=pulumi.Output.concat('burn_rate("', objective, f'").{windows} > {critical}'),
            thresholds={"critical": critical},
            message=self._message(name, summary, "critical", measured=False),
        )

    def _monitor(
        self,
        name: str,
        severity: Severity,
        *,
        type: str,
        query: pulumi.Input[str],
        thresholds: "datadog.MonitorMonitorThresholdsArgsDict",
        message: str,
        missing: Missing | None = None,
        no_data_minutes: int | None = None,
        delay: int = 0,
        new_group_delay: int | None = None,
        notify_by: tuple[str, ...] = (),
    ) -> datadog.Monitor:
        """Declare a monitor with the common name, tags, priority and reminders.

        Metric alerts handle missing data with `missing`, service checks with `no_data_minutes`; an SLO alert
        has neither.
        """
        args = self._args
        minutes = args.settings.renotify_minutes
        notifies_no_data = no_data_minutes is not None or missing == "show_and_notify_no_data"
        return datadog.Monitor(
            name,
            name=self._title(name),
            type=type,
            query=query,
            message=message,
            tags=args.naming.datadog(f"severity:{severity}"),
            priority=str(PRIORITIES[severity]),
            monitor_thresholds=thresholds,
            on_missing_data=missing,
            notify_no_data=None if no_data_minutes is None else True,
            no_data_timeframe=no_data_minutes,
            renotify_interval=minutes,
            renotify_statuses=(["alert", "no data"] if notifies_no_data else ["alert"]) if minutes else None,
            evaluation_delay=delay or None,
            new_group_delay=new_group_delay,
            notify_bies=list(notify_by) or None,
            # A series may have gaps, for which Datadog would wait in vain.
            require_full_window=False if type == "query alert" else None,
            include_tags=True,
            opts=self._child,
        )

    def _availability(self, scope: Scope) -> datadog.ServiceLevelObjective:
        slo, rate = self._args.settings.slo, self._args.settings.thresholds.error_rate
        hits = f"sum:{rate.hits_metric}{scope.traces}.as_count()"
        errors = f"sum:{rate.errors_metric}{scope.traces}.as_count()"
        return datadog.ServiceLevelObjective(
            "availability",
            name=self._title("Availability"),
            description=f"Requests to {scope.service} that do not fail",
            type="metric",
            query={"numerator": f"{hits} - {errors}", "denominator": hits},
            thresholds=[
                {"timeframe": slo.timeframe, "target": slo.target_percent, "warning": slo.warning_percent}
            ],
            tags=self._args.naming.datadog(),
            opts=self._child,
        )

    def _site_down(self) -> None:
        args, name = self._args, "SiteDown"
        self._check(
            name,
            subtype="http",
            every=args.settings.synthetic_every_seconds,
            request={"method": "GET", "url": f"https://{args.host}{args.health_path}"},
            headers={args.naming.synthetic_header: pulumi.Output.secret(args.synthetic_token)},
            assertions=[
                {"type": "statusCode", "operator": "is", "target": "200"},
                {"type": "responseTime", "operator": "lessThan", "target": str(RESPONSE_MILLISECONDS)},
            ],
            summary=f"https://{args.host} does not answer as it should",
        )

    def _weak_tls(self) -> None:
        args, name = self._args, "WeakTls"
        days = number(args.settings.thresholds.certificate_days.critical)
        self._check(
            name,
            subtype="ssl",
            every=CERTIFICATE_CHECK_SECONDS,
            request={"host": args.host, "port": "443"},
            assertions=[
                {"type": "minTlsVersion", "operator": "moreThanOrEqual", "target": "1.2"},
                {"type": "certificate", "operator": "isInMoreThan", "target": days},
            ],
            summary=f"{args.host} accepts TLS below 1.2, or its certificate is invalid or about to expire",
        )

    def _check(
        self,
        name: str,
        *,
        subtype: str,
        every: int,
        request: "datadog.SyntheticsTestRequestDefinitionArgsDict",
        assertions: "list[datadog.SyntheticsTestAssertionArgsDict]",
        summary: str,
        headers: Mapping[str, pulumi.Input[str]] | None = None,
    ) -> None:
        """Declare a synthetic check that fails when two retries, a second apart, also fail."""
        args = self._args
        datadog.SyntheticsTest(
            name,
            name=self._title(name),
            type="api",
            subtype=subtype,
            status="live",
            message=self._message(name, summary, "critical", measured=False),
            tags=args.naming.datadog("severity:critical"),
            locations=args.settings.synthetic_locations,
            request_definition=request,
            request_headers=headers,
            assertions=list(assertions),
            options_list={
                "tick_every": every,
                "retry": {"count": 2, "interval": 1000},
                "monitor_options": {"renotify_interval": args.settings.renotify_minutes},
                "monitor_priority": PRIORITIES["critical"],
            },
            # The provider reads the headers back in plain text.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["requestHeaders"]),
        )

    def _title(self, name: str) -> str:
        return f"{name} ({self._args.naming.environment})"

    def _message(
        self, name: str, summary: str, severity: Severity, *, measured: bool = True, no_data: bool = False
    ) -> str:
        settings = self._args.settings
        audience = Audience(
            environment=self._args.naming.environment,
            runbook_url=settings.runbook_url,
            notify=tuple(settings.notify),
            page=tuple(settings.page),
        )
        return message(name, summary, audience, severity, measured=measured, no_data=no_data)


def application(site: str) -> str:
    """Return a site's web address: app.datadoghq.com, or ap1.datadoghq.com (Datadog's site table)."""
    return f"https://app.{site}" if site in ("datadoghq.com", "datadoghq.eu") else f"https://{site}"
