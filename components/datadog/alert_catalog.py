"""The alerts of a stack, the source of monitors, dashboard and runbooks."""

import pulumi

from components.datadog.alert import Alert, Comparator, number
from components.datadog.alert_scope import Scope
from components.datadog.kubernetes_alerts import node_alerts, pod_alerts
from components.settings.models.monitoring import Threshold, Thresholds

GIB = 1024**3
HOUR = 3600

BACKUPS = "Backups and certificates"
BACKUP_CHECK = "kubernetes_state.cronjob.complete"
"""The service check that is critical while the CronJob's last Job has failed (kube-state metrics core)."""

LOG_DELAY = 120
"""Seconds until a log line is counted: the rest of its minute, and the transport to Datadog."""

CLOUDWATCH_DELAY = 900
"""Seconds until CloudWatch's metrics arrive (Datadog requires at least this delay)."""


def alerts(thresholds: Thresholds, scope: Scope) -> list[Alert]:
    """Return all alerts, in the order of the dashboard."""
    return [
        *_service(thresholds, scope),
        *pod_alerts(thresholds, scope),
        *_data(thresholds, scope),
        *node_alerts(thresholds, scope),
        *_database(thresholds, scope),
    ]


def _service(at: Thresholds, scope: Scope) -> list[Alert]:
    # Each of five one-minute points must exceed the threshold. A minute without errors has no
    # point and counts as 0. A minute without traffic does not count, and five of them resolve the alert.
    rate, proxy, response = at.error_rate, at.proxy_error_rate, at.response_time_seconds
    return [
        Alert(
            name="HighErrorRate",
            summary=f"Share of requests to {scope.service} that fail",
            section="Service",
            severity="critical",
            window="min(last_5m)",
            expression=share(
                rate.errors_metric, rate.hits_metric, scope.traces, rate.minimum_requests_per_minute
            ),
            threshold=rate,
            missing="resolve",
            evaluation_delay=60,  # The current minute, which is incomplete, must not count.
        ),
        # Without any pod of the API there are no traces, but nginx answers 502 or 504 and logs it.
        Alert(
            name="HighProxyErrorRate",
            summary="Share of requests that the TLS proxy answers with a status of 500 or above",
            section="Service",
            severity="critical",
            window="min(last_5m)",
            expression=share(
                scope.proxy_errors, scope.proxy_requests, "{*}", proxy.minimum_requests_per_minute
            ),
            threshold=proxy,
            missing="resolve",
            evaluation_delay=LOG_DELAY,
        ),
        Alert(
            name="HighResponseTime",
            summary=f"95th percentile of {scope.service}'s response time in seconds",
            section="Service",
            severity="critical",
            window="percentile(last_5m)",
            expression=f"p95:{response.metric}{scope.traces}",
            threshold=response,
            missing="resolve",
        ),
    ]


def share(errors: str, requests: str, tags: str, minimum: int) -> str:
    """Return the expression of the share of requests that fail, computed for each minute.

    The denominator is at least `minimum` requests per minute. as_rate gives requests per second: the sum over
    a rollup interval, divided by its length; clamp_min raises values below its bound (Datadog
    documentation: Metric Type Modifiers; Functions, Exclusion).
    """
    failed, answered = (f"sum:{metric}{tags}.as_rate().rollup(sum, 60)" for metric in (errors, requests))
    return f"default_zero({failed}) / clamp_min({answered}, {number(round(minimum / 60, 4))})"


def _data(at: Thresholds, scope: Scope) -> list[Alert]:
    backups = ",".join(scope.backups)
    return [
        Alert(
            name="BackupLate",
            summary="Hours since the database was last backed up",
            section=BACKUPS,
            severity="critical",
            window="min(last_15m)",
            expression=f"max:{at.backup_age_hours.metric}{{{backups}}} / {HOUR}",
            threshold=at.backup_age_hours,
            missing="show_and_notify_no_data",
        ),
        *(
            Alert(
                name=name,
                summary=f"Days until the {side}'s certificate expires",
                section=BACKUPS,
                severity="critical",
                window="max(last_15m)",
                expression=f"min:{threshold.metric}{scope.certificate(side)}",
                comparator="<",
                threshold=threshold,
                missing="show_and_notify_no_data",
            )
            for name, side, threshold in (
                ("CertificateExpiry", "visitor", at.certificate_days),
                ("OriginCertificateExpiry", "origin", at.origin_certificate_days),
            )
        ),
    ]


def _database(at: Thresholds, scope: Scope) -> list[Alert]:
    metrics: list[tuple[str, str, Comparator, Threshold, str]] = [
        ("DatabaseCpuPressure", "CPU use of the database in percent", ">", at.database_cpu_percent, ""),
        (
            "DatabaseStorageLow",
            "Free storage of the database in GiB",
            "<",
            at.database_free_storage_gib,
            f" / {GIB}",
        ),
        ("DatabaseConnectionsHigh", "Connections to the database", ">", at.database_connections, ""),
    ]
    return [
        Alert(
            name=name,
            summary=summary,
            section="Database",
            severity="critical",
            window="avg(last_15m)",
            expression=pulumi.Output.concat(
                f"avg:{threshold.metric}{{dbinstanceidentifier:", scope.database, f"}}{unit}"
            ),
            comparator=comparator,
            threshold=threshold,
            missing="show_and_notify_no_data",
            evaluation_delay=CLOUDWATCH_DELAY,
        )
        for name, summary, comparator, threshold, unit in metrics
    ]
