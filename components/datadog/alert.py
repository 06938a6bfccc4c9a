"""An alert as data: what its monitor, its widget and its runbook are made of."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import pulumi

from components.settings.monitoring import RequestShare, Threshold

Missing = Literal["resolve", "show_and_notify_no_data"]
"""What no data means: nothing to report, or something to be told (Datadog's on_missing_data)."""

Severity = Literal["critical", "warning"]
Comparator = Literal[">", "<"]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition on a metric query that somebody should know of."""

    name: str
    """In camel case: the logical name, and the beginning of the name in Datadog."""
    summary: str
    """What is wrong; Datadog fills in its {{template variables}}."""
    section: str
    """The part of the dashboard that it belongs to."""
    severity: Severity
    """critical: wake somebody; warning: look at it in working hours."""
    window: str
    """How the points of the last minutes are judged: min(last_5m) is "every point of five minutes"."""
    expression: pulumi.Input[str]
    """What is measured."""
    comparator: Comparator = ">"
    threshold: Threshold | RequestShare
    missing: Missing
    evaluation_delay: int = 0
    """Seconds that a point may come late."""
    groups: tuple[str, ...] = field(default=())
    """Tags that are judged one by one."""
    notify_by: tuple[str, ...] = field(default=())
    """The groups of which each gets one notification; empty: every group."""

    @property
    def query(self) -> pulumi.Output[str]:
        """The monitor's query: `min(last_5m):… > 0.01`."""
        return pulumi.Output.concat(
            self.window, ":", self.expression, f" {self.comparator} {number(self.threshold.critical)}"
        )

    @property
    def runbook(self) -> str:
        """The file that says what to do."""
        return runbook(self.name)


SILENT = "whatever reports it is down"
"""What missing data means to whoever is told of it."""


def runbook(name: str) -> str:
    """The runbook of an alert: HighErrorRate → high-error-rate.md."""
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return f"{words.removeprefix('-')}.md"


def number(value: float) -> str:
    """A threshold as Datadog writes it in queries: 90, 0.01, 14.4."""
    return f"{Decimal(str(value)).normalize():f}"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who reads a message, and where it leads."""

    environment: str
    runbook_url: str
    """Where the runbooks are; ends with a slash."""
    notify: tuple[str, ...]
    """Handles that are told of every change of state, such as @slack-pipe-prod."""
    page: tuple[str, ...]
    """Handles that wake people, such as @pagerduty-pipe."""


def message(
    name: str,
    summary: str,
    audience: Audience,
    severity: Severity,
    *,
    measured: bool = True,
    no_data: bool = False,
) -> str:
    """Return what people read when an alert fires or recovers: the fault, the runbook, and the handles.

    `measured`: there are a value and thresholds to tell; `no_data`: missing data is told as well. A critical
    alert names its pagers in the blocks of alert, missing data and recovery: what is outside of all blocks is
    sent with warnings, too (Datadog documentation: Monitors, Variables). The recovery resolves the incident.
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
        *(["{{#is_no_data}}" + f"No data: {SILENT}.{page}" + "{{/is_no_data}}"] if no_data else []),
        "{{#is_recovery}}" + f"Recovered: {name} in {audience.environment}.{page}" + "{{/is_recovery}}",
        f"Runbook: {audience.runbook_url}{runbook(name)}",
        " ".join(audience.notify),
    ]
    return "\n".join(lines)
