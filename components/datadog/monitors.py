"""Datadog's monitors: one for each alert, one for failed backups and one for the error budget."""

import pulumi
import pulumi_datadog as datadog

from components.datadog.alert import PRIORITIES, Alert, Missing, Severity, number
from components.datadog.alert_catalog import BACKUP_CHECK
from components.datadog.alert_scope import Scope
from components.datadog.monitoring_context import MonitoringContext

NEW_GROUP_SECONDS = 300
"""Seconds until a new pod or node is evaluated."""

NO_DATA_MINUTES = 120
"""Minutes without data after which a service check notifies."""


def declare_alert_monitor(context: MonitoringContext, alert: Alert) -> datadog.Monitor:
    """Declare the monitor of an alert."""
    at = alert.threshold
    return _monitor(
        context,
        alert.name,
        alert.severity,
        type="query alert",
        query=alert.query,
        thresholds={"warning": number(at.warning), "critical": number(at.critical)},
        message=context.message(
            alert.name, alert.summary, alert.severity, no_data=alert.missing != "resolve"
        ),
        missing=alert.missing,
        delay=alert.evaluation_delay,
        new_group_delay=NEW_GROUP_SECONDS if alert.groups else None,
        notify_by=alert.notify_by,
    )


def declare_backup_monitor(context: MonitoringContext, scope: Scope) -> datadog.Monitor:
    """Declare the monitor of failed backups."""
    name = "BackupFailed"
    tags = ",".join(f'"{tag}"' for tag in scope.backups)
    return _monitor(
        context,
        name,
        "critical",
        type="service check",
        query=f'"{BACKUP_CHECK}".over({tags}).by("kube_cronjob").last(2).count_by_status()',
        # A single report is enough to change the state.
        thresholds={"ok": "1", "warning": "1", "critical": "1"},
        message=context.message(
            name, "The last backup of the database failed", "critical", measured=False, no_data=True
        ),
        no_data_minutes=NO_DATA_MINUTES,
    )


def declare_error_budget_monitor(
    context: MonitoringContext, objective: pulumi.Output[str]
) -> datadog.Monitor:
    """Declare the monitor of the rate at which the SLO's error budget burns."""
    name, slo = "ErrorBudgetBurn", context.settings.slo
    critical = number(slo.burn_rate_critical)
    # The long window shows that the burn is significant, and the short window shows that it continues (SRE
    # Workbook, Alerting on SLOs).
    windows = f'over("{slo.timeframe}").long_window("1h").short_window("5m")'
    summary = f"The error budget burns {critical} times as fast as the SLO allows"
    return _monitor(
        context,
        name,
        "critical",
        type="slo alert",
        query=pulumi.Output.concat('burn_rate("', objective, f'").{windows} > {critical}'),
        thresholds={"critical": critical},
        message=context.message(name, summary, "critical", measured=False),
    )


def _monitor(
    context: MonitoringContext,
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

    A metric alert handles missing data with `missing`, and a service check with `no_data_minutes`. An SLO
    alert uses neither.
    """
    minutes = context.settings.renotify_minutes
    notifies_no_data = no_data_minutes is not None or missing == "show_and_notify_no_data"
    return datadog.Monitor(
        name,
        name=context.title(name),
        type=type,
        query=query,
        message=message,
        tags=context.naming.datadog(f"severity:{severity}"),
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
        # A series may have gaps, in which case a full window would never occur.
        require_full_window=False if type == "query alert" else None,
        include_tags=True,
        opts=context.options,
    )
