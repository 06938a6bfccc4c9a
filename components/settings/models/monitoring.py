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
"""Handles of the integrations by which Datadog calls people (its documentation, Monitors, Notifications)."""


class Threshold(Model):
    """The values above which a monitor warns and alerts; some monitors alert below them."""

    metric: Metric
    """The metric, as Datadog names it."""
    warning: Annotated[float, Field(ge=0, examples=[1])]
    """The value at which people are notified."""
    critical: Annotated[float, Field(ge=0, examples=[2])]
    """The value at which a person is called."""


class PercentThreshold(Threshold):
    """A threshold in percent."""

    warning: Annotated[float, Field(gt=0, le=100, examples=[80])]
    """The percentage at which people are notified."""
    critical: Annotated[float, Field(gt=0, le=100, examples=[90])]
    """The percentage at which a person is called."""


class RequestShare(Model):
    """A threshold for a share of requests, with a floor for quiet minutes."""

    warning: Annotated[float, Field(gt=0, lt=1, examples=[0.005])]
    """The share at which people are notified."""
    critical: Annotated[float, Field(gt=0, lt=1, examples=[0.01])]
    """The share at which a person is called: 0.01 is one request in a hundred."""
    minimum_requests_per_minute: Annotated[int, Field(ge=1, examples=[100])]
    """The least number of requests by which failures are divided, also in a minute with fewer requests. One
    failed request at night does not alert then, and an outage does."""


class ErrorRate(RequestShare):
    """The threshold of the monitor HighErrorRate: errors over hits."""

    errors_metric: Annotated[Metric, Field(examples=["trace.express.request.errors"])]
    """The metric of failed requests, as Datadog names it."""
    hits_metric: Annotated[Metric, Field(examples=["trace.express.request.hits"])]
    """The metric of all requests, as Datadog names it."""


class Thresholds(Model):
    """The thresholds of the monitors, one entry per monitor."""

    error_rate: ErrorRate
    """Requests to the API that fail, by its own traces; probes are left out."""
    proxy_error_rate: RequestShare
    """Requests that the TLS proxy answers with a status of 500 or above, by its own log."""
    response_time_seconds: Threshold
    """95th percentile, in seconds; the metric is a distribution (APM's, without a suffix)."""
    cpu_percent: PercentThreshold
    """Use of the pods' CPU limit, in percent; the metric is the use in nanocores."""
    memory_percent: PercentThreshold
    """Use of the pods' memory limit, in percent; the metric is the use in bytes, without page cache."""
    restarts: Threshold
    """Container restarts in ten minutes; the metric counts all restarts."""
    unavailable_replicas: Threshold
    """Replicas missing for ten minutes."""
    backup_age_hours: Threshold
    """Hours since the last backup that succeeded; the metric is in seconds."""
    certificate_days: Threshold
    """Days until the visitors' certificate expires, which Cloudflare renews 30 days before; alerts below."""
    origin_certificate_days: Threshold
    """Days until the origin's certificate expires, which people renew; alerts below."""
    node_cpu_percent: PercentThreshold
    """CPU use of a node, in percent; the metric is the idle percentage."""
    node_memory_percent: PercentThreshold
    """Memory use of a node, in percent; the metric is the usable share, from 0 to 1."""
    database_cpu_percent: PercentThreshold
    """CPU use of the database, in percent."""
    database_free_storage_gib: Threshold
    """Free storage in GiB; alerts below; the metric is in bytes."""
    database_connections: Threshold
    """Open connections to the database."""


class Slo(Model):
    """The availability objective."""

    target_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.9])]
    """Share of requests that succeed, in percent."""
    warning_percent: Annotated[float, Field(gt=50, lt=100, examples=[99.95])]
    """Share of requests below which the objective is at risk, in percent; above the target (Datadog)."""
    timeframe: Literal["7d", "30d", "90d"]
    """The window of time over which the objective is counted."""
    burn_rate_critical: Annotated[float, Field(gt=1, le=14.4, examples=[14.4])]
    """Multiple of the allowed rate at which the error budget may burn (14.4 for an hour is 2% of 30 days)."""


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

    site: Literal[
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
    ]
    """The Datadog site that holds the account."""
    agent: Agent
    notify: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @slack-pipe-dev", "@slack-pipe-dev")]
        ],
        entries(1),
        Distinct,
    ]
    """Handles for all notifications, warnings included, as Datadog writes them: @slack-pipe-alerts."""
    page: Annotated[
        list[
            Annotated[str, string(r"^@\S+$", "a Datadog handle, such as @pagerduty-pipe", "@pagerduty-pipe")]
        ],
        entries(0),
        Distinct,
    ]
    """Handles that a critical monitor calls on an alert, on missing data and on recovery; empty: nobody."""
    runbook_url: Annotated[
        str,
        string(
            r"^https://\S+/$",
            "an https address that ends with a slash",
            "https://github.com/pipe-dev/infrastructure/blob/main/docs/runbooks/",
        ),
    ]
    """Address of the runbooks; a monitor's file name is appended."""
    renotify_minutes: Literal[0, 10, 20, 30, 40, 50, 60, 90, 120, 180, 240, 300, 360, 720, 1440]
    """Minutes until an unresolved alert is sent again (what synthetic checks allow); 0 is never."""
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
    """Locations of the synthetic checks."""
    synthetic_every_seconds: Literal[60, 300, 900, 1800, 3600]
    """Seconds between two checks."""
    integration: bool
    """True if Datadog reads the AWS account; true in one stack per account."""


BELOW = ("certificate_days", "origin_certificate_days", "database_free_storage_gib")
"""Thresholds of the monitors that alert below them; all other monitors alert above."""


def check_threshold_order(monitoring: Monitoring, name: str) -> Iterator[SettingFault]:
    """Refuse a monitor that alerts before it warns, as Datadog does."""
    threshold: Threshold | RequestShare = getattr(monitoring.thresholds, name)
    warning, critical = threshold.warning, threshold.critical
    path = ("pipe:monitoring", "thresholds", to_camel(name), "warning")
    if name in BELOW and warning <= critical:
        allowed = f"above critical ({critical:g}), since this monitor alerts below"
        yield invalid_value(path, warning, allowed, set_command(path, critical * 2 or 1))
    elif name not in BELOW and warning >= critical:
        yield invalid_value(path, warning, f"below critical ({critical:g})", set_command(path, critical / 2))


def check_page_handles(monitoring: Monitoring) -> Iterator[SettingFault]:
    """Refuse a handle that both wakes people and receives warnings."""
    for index, handle in enumerate(monitoring.page):
        if handle in monitoring.notify:
            path = ("pipe:monitoring", "page", index)
            allowed = "a handle that pipe:monitoring.notify does not have, such as @pagerduty-pipe"
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
    """Refuse a burn rate above the rate at which every request fails, as Datadog does."""
    slo = monitoring.slo
    highest = int(1000 / (100 - slo.target_percent)) / 10
    if slo.burn_rate_critical > highest:
        path = ("pipe:monitoring", "slo", "burnRateCritical")
        allowed = f"at most {highest:g} with pipe:monitoring.slo.targetPercent {slo.target_percent:g}"
        yield invalid_value(path, slo.burn_rate_critical, allowed, set_command(path, highest))


CHECKS = (
    check_page_handles,
    *(partial(check_threshold_order, name=name) for name in Thresholds.model_fields),
    check_objective,
    check_burn_rate,
)
