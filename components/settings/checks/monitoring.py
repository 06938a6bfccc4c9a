"""Alerts that could never, or would always, fire."""

import re
from collections.abc import Callable, Iterator

from pydantic.alias_generators import to_camel

from components.settings.errors import Fault, set_to, wrong
from components.settings.json_schema import node
from components.settings.monitoring import RequestShare, Threshold, Thresholds
from components.settings.stack import Settings

BELOW = ("certificate_days", "origin_certificate_days", "database_free_storage_gib")
"""Monitors that alert below their thresholds; all others alert above."""

PAGER = re.compile(r"@(pagerduty|opsgenie|victorops|splunk-oncall|oncall)\b")
"""Handles of the integrations by which Datadog calls people (its documentation, Monitors, Notifications)."""


def site(s: Settings) -> Iterator[Fault]:
    """The provider talks to the site that holds the account."""
    path, own = ("datadog:apiUrl",), f"https://api.{s.monitoring.site}/"
    if s.datadog_api_url != own:
        yield wrong(path, s.datadog_api_url, f"{own}, as pipe:monitoring.site", set_to(path, own))


def order(name: str) -> Callable[[Settings], Iterator[Fault]]:
    """A monitor warns before it alerts (Datadog refuses it otherwise)."""

    def check(s: Settings) -> Iterator[Fault]:
        threshold: Threshold | RequestShare = getattr(s.monitoring.thresholds, name)
        path = ("pipe:monitoring", "thresholds", to_camel(name), "warning")
        warning, critical = threshold.warning, threshold.critical
        if name in BELOW and warning <= critical:
            allowed = f"above critical ({critical:g}), since this monitor alerts below"
            yield wrong(path, warning, allowed, set_to(path, critical * 2 or 1))
        elif name not in BELOW and warning >= critical:
            yield wrong(path, warning, f"below critical ({critical:g})", set_to(path, critical / 2))

    return check


def pages(s: Settings) -> Iterator[Fault]:
    """A handle that wakes people is told of critical alerts, not of warnings."""
    notify, page = s.monitoring.notify, s.monitoring.page
    for index, handle in enumerate(notify):
        if PAGER.match(handle):
            path, quiet = ("pipe:monitoring", "notify", index), f"@slack-pipe-{s.service.environment}"
            allowed = f"a handle that wakes nobody, such as {quiet}, since it is told of warnings, too"
            yield wrong(path, handle, allowed, set_to(path, quiet))
    for index, handle in enumerate(page):
        if handle in notify:
            path = ("pipe:monitoring", "page", index)
            allowed = "a handle that pipe:monitoring.notify does not have, such as @pagerduty-pipe"
            yield wrong(path, handle, allowed, set_to(path, "@pagerduty-pipe"))


def objective(s: Settings) -> Iterator[Fault]:
    """An SLO warns above its target (Datadog)."""
    slo = s.monitoring.slo
    if slo.warning_percent <= slo.target_percent:
        path = ("pipe:monitoring", "slo", "warningPercent")
        between = round((slo.target_percent + 100) / 2, 4)
        allowed = f"above pipe:monitoring.slo.targetPercent ({slo.target_percent:g})"
        yield wrong(path, slo.warning_percent, allowed, set_to(path, between))


def burn_rate(s: Settings) -> Iterator[Fault]:
    """A budget cannot burn faster than with every request failing (Datadog refuses it otherwise)."""
    slo = s.monitoring.slo
    most = int(1000 / (100 - slo.target_percent)) / 10
    if slo.burn_rate_critical > most:
        path = ("pipe:monitoring", "slo", "burnRateCritical")
        allowed = f"at most {most:g} with pipe:monitoring.slo.targetPercent {slo.target_percent:g}"
        yield wrong(path, slo.burn_rate_critical, allowed, set_to(path, most))


def connections(s: Settings) -> Iterator[Fault]:
    """The database refuses connections before an alert beyond its maximum."""
    critical, most = s.monitoring.thresholds.database_connections.critical, s.database.max_connections
    if critical >= most:
        path = ("pipe:monitoring", "thresholds", "databaseConnections", "critical")
        yield wrong(
            path, critical, f"below pipe:database.maxConnections ({most})", set_to(path, most * 9 // 10)
        )


def free_storage(s: Settings) -> Iterator[Fault]:
    """An empty database would warn."""
    warning, size = s.monitoring.thresholds.database_free_storage_gib.warning, s.database.storage_gib
    if warning >= size:
        path = ("pipe:monitoring", "thresholds", "databaseFreeStorageGib", "warning")
        yield wrong(path, warning, f"below pipe:database.storageGib ({size})", set_to(path, size // 5))


def certificate(s: Settings) -> Iterator[Fault]:
    """A new certificate would warn."""
    warning, days = s.monitoring.thresholds.origin_certificate_days.warning, s.edge.certificate_days
    if warning >= days:
        path = ("pipe:edge", "certificateDays")
        allowed = f"above pipe:monitoring.thresholds.originCertificateDays.warning ({warning:g})"
        choices: list[int] = node(path)["enum"]
        longer = next((each for each in choices if each > warning), choices[-1])
        yield wrong(path, days, allowed, set_to(path, longer))


CHECKS = (
    site,
    pages,
    *map(order, Thresholds.model_fields),
    objective,
    burn_rate,
    connections,
    free_storage,
    certificate,
)
