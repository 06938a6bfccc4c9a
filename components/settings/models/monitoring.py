"""Settings of Datadog."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

from pydantic import Field
from pydantic.alias_generators import to_camel

from components.settings.config_commands import set_command
from components.settings.errors import SettingFault, invalid_value
from components.settings.types import Distinct, Metric, Model, entries, string

PAGER = re.compile(r"@(pagerduty|opsgenie|victorops|splunk-oncall|oncall)\b")
"""Handles of integrations through which Datadog pages people (Datadog documentation: Monitors,
Notifications)."""

DatadogSite = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
]
"""A Datadog site, by its domain."""


class Threshold(Model):
    """The values at which a monitor warns and alerts; most monitors alert above their values, some below."""

    metric: Metric
    """The metric's name in Datadog."""
    warning: Annotated[float, Field(ge=0, examples=[1])]
    """The value at which the monitor warns."""
    critical: Annotated[float, Field(ge=0, examples=[2])]
    """The value at which the monitor alerts."""


class PercentThreshold(Threshold):
    """A threshold in percent."""

    warning: Annotated[float, Field(gt=0, le=100, examples=[80])]
    """The percentage at which the monitor warns."""
    critical: Annotated[float, Field(gt=0, le=100, examples=[90])]
    """The percentage at which the monitor alerts."""


class RequestShare(Model):
    """A threshold for a share of requests, with a smallest denominator for minutes with few requests."""

    warning: Annotated[float, Field(gt=0, lt=1, examples=[0.005])]
    """The share at which the monitor warns."""
    critical: Annotated[float, Field(gt=0, lt=1, examples=[0.01])]
    """The share at which the monitor alerts; 0.01 is one request in a hundred."""
    minimum_requests_per_minute: Annotated[int, Field(ge=1, examples=[100])]
    """The smallest number of requests by which failures are divided, even in a minute with fewer requests. A
    single failed request at night then causes no alert, but an outage does."""


class ErrorRate(RequestShare):
    """The threshold of the monitor HighErrorRate: errors over hits."""

    errors_metric: Annotated[Metric, Field(examples=["trace.express.request.errors"])]
    """The name in Datadog of the metric that counts failed requests."""
    hits_metric: Annotated[Metric, Field(examples=["trace.express.request.hits"])]
    """The name in Datadog of the metric that counts all requests."""


class Thresholds(Model):
    """The thresholds of the monitors, one entry per monitor."""

    error_rate: ErrorRate
    """Share of requests to the API that fail, according to its traces; probes are excluded."""
    proxy_error_rate: RequestShare
    """Share of requests that the TLS proxy answers with a status of 500 or above, according to its log."""
    response_time_seconds: Threshold
    """95th percentile of the API's response time, in seconds; the metric is an APM distribution, whose
    name has no suffix such as `.hits`."""
    cpu_percent: PercentThreshold
    """CPU usage of the pods, in percent of their limit; the metric is the usage in nanocores."""
    memory_percent: PercentThreshold
    """Memory usage of the pods, in percent of their limit; the metric is the usage in bytes, without page
    cache."""
    restarts: Threshold
    """Container restarts in ten minutes; the metric counts all restarts."""
    unavailable_replicas: Threshold
    """Replicas that have been unavailable for ten minutes."""
    crash_loops: Threshold
    """Containers of a workload that crash repeatedly, so that Kubernetes delays their restart; the
    metric counts waiting containers by reason."""
    image_pull_failures: Threshold
    """Containers of a workload whose image cannot be pulled; the metric counts waiting containers by
    reason."""
    out_of_memory_kills: Threshold
    """Containers of a workload that the kernel killed for lack of memory; the metric counts terminated
    containers by reason."""
    backup_age_hours: Threshold
    """Hours since the last backup that succeeded; the metric is in seconds."""
    certificate_days: Threshold
    """Days until the public certificate expires; Cloudflare renews it 30 days in advance. The monitor alerts
    below its values."""
    origin_certificate_days: Threshold
    """Days until the origin certificate expires; people renew it by hand. The monitor alerts below its
    values."""
    node_cpu_percent: PercentThreshold
    """CPU usage of a node, in percent; the metric is the idle percentage."""
    node_memory_percent: PercentThreshold
    """Memory usage of a node, in percent; the metric is the usable share, from 0 to 1."""
    unready_nodes: Threshold
    """Nodes that have not been ready for 15 minutes; the metric counts nodes by condition."""
    database_cpu_percent: PercentThreshold
    """CPU usage of the database, in percent."""
    database_free_storage_gib: Threshold
    """Free storage of the database, in GiB; the monitor alerts below its values. The metric is in bytes."""
    database_connections: Threshold
    """Open connections to the database."""


class Slo(Model):
    """The service level objective (SLO) for availability."""

    target_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.9])]
    """Share of requests that succeed, in percent."""
    warning_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.95])]
    """Share of successful requests below which the SLO is at risk, in percent; Datadog requires a value above
    the target."""
    timeframe: Literal["7d", "30d", "90d"]
    """The period over which the SLO is measured."""
    burn_rate_critical: Annotated[float, Field(gt=1, le=14.4, examples=[14.4])]
    """Burn rate of the error budget above which the monitor alerts, as a multiple of the rate that uses up
    the budget exactly (14.4 for an hour uses 2% of a 30-day budget)."""


class Agent(Model):
    """The Datadog agent in the cluster."""

    enabled: bool
    """True if the agent is installed; false where the chart repository cannot be reached."""
    chart_version: Annotated[
        str, string(r"^[0-9]+\.[0-9]+\.[0-9]+$", "a chart version, such as 3.273.1", "3.273.1")
    ]
    """Version of the Helm chart datadog/datadog."""


class Monitoring(Model):
    """Monitors, synthetic checks and the agent in Datadog."""

    site: DatadogSite
    """The Datadog site that holds the account."""
    agent: Agent
    notify: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @slack-pipe-dev", "@slack-pipe-dev")]
        ],
        entries(1),
        Distinct,
    ]
    """Handles for all notifications, including warnings, in Datadog's notation: @slack-pipe-alerts."""
    page: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @pagerduty-pipe", "@pagerduty-pipe")]
        ],
        entries(0),
        Distinct,
    ]
    """Handles that a critical monitor notifies of alerts, missing data and recoveries, to page people; an
    empty list pages nobody."""
    runbook_url: Annotated[
        str,
        string(
            r"^https://\S+/$",
            "an https address that ends with a slash",
            "https://github.com/pipe-dev/infrastructure/blob/main/docs/runbooks/",
        ),
    ]
    """Base URL of the runbooks, to which the file name of a monitor's runbook is appended."""
    renotify_minutes: Literal[0, 10, 20, 30, 40, 50, 60, 90, 120, 180, 240, 300, 360, 720, 1440]
    """Minutes until an unresolved alert is sent again; 0 means never. Synthetic checks allow only these
    values."""
    thresholds: Thresholds
    slo: Slo
    synthetic_locations: Annotated[
        list[
            Annotated[
                str,
                string(
                    r"^aws:[a-z0-9-]+$",
                    "a Datadog location, such as aws:ap-northeast-1",
                    "aws:ap-northeast-1",
                ),
            ]
        ],
        entries(1),
        Distinct,
    ]
    """Datadog locations from which the synthetic checks run."""
    synthetic_every_seconds: Literal[60, 300, 900, 1800, 3600]
    """Seconds between two runs of a synthetic check."""


BELOW = ("certificate_days", "origin_certificate_days", "database_free_storage_gib")
"""Thresholds of the monitors that alert below them; all other monitors alert above."""


def check_threshold_order(monitoring: Monitoring, name: str) -> Iterator[SettingFault]:
    """Refuse thresholds at which a monitor would alert before it warns; Datadog refuses them, too."""
    threshold: Threshold | RequestShare = getattr(monitoring.thresholds, name)
    warning, critical = threshold.warning, threshold.critical
    path = ("pipe:monitoring", "thresholds", to_camel(name), "warning")
    if name in BELOW and warning <= critical:
        allowed = f"above critical ({critical:g}), since this monitor alerts on low values"
        yield invalid_value(path, warning, allowed, set_command(path, critical * 2 or 1))
    elif name not in BELOW and warning >= critical:
        yield invalid_value(path, warning, f"below critical ({critical:g})", set_command(path, critical / 2))


def check_page_handles(monitoring: Monitoring) -> Iterator[SettingFault]:
    """Refuse a paging handle that is also in `notify`, where it would receive warnings."""
    for index, handle in enumerate(monitoring.page):
        if handle in monitoring.notify:
            path = ("pipe:monitoring", "page", index)
            allowed = "a handle that is not in pipe:monitoring.notify, such as @pagerduty-pipe"
            yield invalid_value(path, handle, allowed, set_command(path, "@pagerduty-pipe"))


def check_objective(monitoring: Monitoring) -> Iterator[SettingFault]:
    """Refuse an SLO that warns at or below its target (Datadog)."""
    slo = monitoring.slo
    if slo.warning_percent <= slo.target_percent:
        path = ("pipe:monitoring", "slo", "warningPercent")
        halfway = round((slo.target_percent + 100) / 2, 4)
        allowed = f"above pipe:monitoring.slo.targetPercent ({slo.target_percent:g})"
        yield invalid_value(path, slo.warning_percent, allowed, set_command(path, halfway))


def check_burn_rate(monitoring: Monitoring) -> Iterator[SettingFault]:
    """Refuse a burn rate above that of a total outage; Datadog refuses it, too."""
    slo = monitoring.slo
    highest = int(1000 / (100 - slo.target_percent)) / 10
    if slo.burn_rate_critical > highest:
        path = ("pipe:monitoring", "slo", "burnRateCritical")
        allowed = f"at most {highest:g} while pipe:monitoring.slo.targetPercent is {slo.target_percent:g}"
        yield invalid_value(path, slo.burn_rate_critical, allowed, set_command(path, highest))


CHECKS = (
    check_page_handles,
    *(partial(check_threshold_order, name=name) for name in Thresholds.model_fields),
    check_objective,
    check_burn_rate,
)
