"""Alerts as data, from which monitors, widgets and runbook links are built."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import pulumi

from components.settings.models.monitoring import RequestShare, Threshold

Missing = Literal["resolve", "show_and_notify_no_data"]
"""Reaction to missing data: resolve or notify (Datadog's on_missing_data)."""

Severity = Literal["critical", "warning"]
PRIORITIES: dict[Severity, int] = {"critical": 1, "warning": 3}
"""Monitor priorities by severity; Datadog's scale ranges from 1 (highest) to 5."""

Comparator = Literal[">", "<"]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition on a metric query that notifies people."""

    name: str
    """The alert's name in camel case; the monitor's logical name, and the first part of its name in
    Datadog."""
    summary: str
    """Description of the problem; Datadog replaces {{template variables}} in it."""
    section: str
    """Section of the dashboard."""
    severity: Severity
    """critical: the alert pages people; warning: it can wait for working hours."""
    window: str
    """Aggregation over a period: with min(last_5m), all points of five minutes must cross the threshold."""
    expression: pulumi.Input[str]
    """Metric expression."""
    comparator: Comparator = ">"
    threshold: Threshold | RequestShare
    missing: Missing
    evaluation_delay: int = 0
    """Seconds by which the evaluation lags, for points that arrive late."""
    groups: tuple[str, ...] = field(default=())
    """Tags whose values are evaluated separately."""
    notify_by: tuple[str, ...] = field(default=())
    """Tags whose values get one notification each; empty means every group."""

    @property
    def query(self) -> pulumi.Output[str]:
        """The monitor's query: window, expression, comparator and critical threshold."""
        return pulumi.Output.concat(
            self.window, ":", self.expression, f" {self.comparator} {number(self.threshold.critical)}"
        )

    @property
    def runbook(self) -> str:
        """File name of the runbook."""
        return runbook(self.name)


NO_DATA_CAUSE = "the source of the data is down"
"""Explanation in notifications about missing data."""


def runbook(name: str) -> str:
    """Return the file name of an alert's runbook: high-error-rate.md for HighErrorRate."""
    file_name = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return f"{file_name.removeprefix('-')}.md"


def number(value: float) -> str:
    """Return a threshold in the notation of Datadog's queries: 90, 0.01, 14.4."""
    return f"{Decimal(str(value)).normalize():f}"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Recipients of a message, and the base URL of its runbook link."""

    environment: str
    runbook_url: str
    """Base URL of the runbooks; ends with a slash."""
    notify: tuple[str, ...]
    """Handles that are notified of every state change, such as @slack-pipe-prod."""
    page: tuple[str, ...]
    """Handles that page people, such as @pagerduty-pipe."""


def message(
    name: str,
    summary: str,
    audience: Audience,
    severity: Severity,
    *,
    measured: bool = True,
    no_data: bool = False,
) -> str:
    """Return a monitor's message with the problem, the runbook and the handles to notify.

    `measured` adds the current value and the thresholds; `no_data` adds a block for missing data. The paging
    handles of a critical alert are inside the blocks for alert, missing data and recovery, since text outside
    blocks is also sent with warnings (Datadog documentation: Monitors, Variables). In the recovery block,
    they resolve the incident.
    """
    page = "".join(f" {handle}" for handle in audience.page) if severity == "critical" else ""
    alert, warning = (
        (": {{value}}, critical at {{threshold}}", ": {{value}}, warning at {{warn_threshold}}")
        if measured
        else ("", "")
    )
    lines = [
        "{{#is_alert}}" + summary + alert + f".{page}" + "{{/is_alert}}",
        "{{#is_warning}}" + summary + warning + ".{{/is_warning}}",
        *(["{{#is_no_data}}" + f"No data: {NO_DATA_CAUSE}.{page}" + "{{/is_no_data}}"] if no_data else []),
        "{{#is_recovery}}" + f"Recovered: {name} in {audience.environment}.{page}" + "{{/is_recovery}}",
        f"Runbook: {audience.runbook_url}{runbook(name)}",
        " ".join(audience.notify),
    ]
    return "\n".join(lines)
