"""The dashboard, with a widget for each alert that has the same query and thresholds."""

from collections.abc import Sequence
from typing import Any

import pulumi

from components.common.naming import Naming
from components.datadog.alert import Alert, number
from components.datadog.alert_catalog import BACKUP_CHECK, BACKUPS
from components.datadog.alert_scope import Scope


def render(
    naming: Naming, alerts: Sequence[Alert], scope: Scope, objective: pulumi.Input[str], timeframe: str
) -> pulumi.Output[str]:
    """Return the dashboard as JSON for Datadog's API; `objective` is the SLO's ID."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts:
        sections.setdefault(alert.section, []).append(timeseries(alert))
    sections[BACKUPS].append(check_status("BackupFailed", BACKUP_CHECK, scope.backups))

    summary = [monitors(naming), availability(objective, timeframe)]
    return pulumi.Output.json_dumps(
        {
            "title": f"{naming.name()}: {scope.service}",
            "description": "Each widget shows an alert's query; lines mark its thresholds. "
            "Managed by Pulumi.",
            "layout_type": "ordered",
            "reflow_type": "auto",
            "tags": [f"team:{naming.team}"],
            # If these fields were omitted, Datadog would still return them, and every preview would show a
            # difference.
            "notify_list": [],
            "restricted_roles": [],
            "template_variables": [],
            "widgets": [
                {"definition": definition}
                for definition in (*summary, *(group(title, widgets) for title, widgets in sections.items()))
            ],
        }
    )


def timeseries(alert: Alert) -> dict[str, Any]:
    """Build the graph of an alert's query with lines at its thresholds.

    An alert on a counter's change has no lines, since the graph shows the counter itself.
    """
    changes = alert.window.startswith("change(")
    side = "above" if alert.comparator == ">" else "below"
    lines = {"error": number(alert.threshold.critical), "warning": number(alert.threshold.warning)}
    return {
        "type": "timeseries",
        "title": alert.name,
        "requests": [{"q": alert.expression, "display_type": "line"}],
        "markers": [
            {"value": f"y = {value}", "display_type": f"{color} dashed", "label": f"{side} {value}"}
            for color, value in lines.items()
            if not changes
        ],
    }


def check_status(title: str, check: str, tags: Sequence[str]) -> dict[str, Any]:
    """Build the widget of a service check's state."""
    return {"type": "check_status", "title": title, "check": check, "grouping": "cluster", "tags": tags}


def monitors(naming: Naming) -> dict[str, Any]:
    """Build the widget of the stack's monitors and their states."""
    return {
        "type": "manage_status",
        "title": "Monitors",
        "summary_type": "monitors",
        "display_format": "countsAndList",
        "color_preference": "text",
        "query": f'tag:("env:{naming.environment}" AND "service:pipe-api")',
        "sort": "status,asc",
    }


def availability(objective: pulumi.Input[str], timeframe: str) -> dict[str, Any]:
    """Build the widget of the availability SLO and its remaining error budget."""
    return {
        "type": "slo",
        "title": "Availability",
        "slo_id": objective,
        "view_type": "detail",
        "view_mode": "overall",
        "time_windows": [timeframe],
        "show_error_budget": True,
    }


def group(title: str, widgets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Build a titled group of widgets."""
    return {
        "type": "group",
        "title": title,
        "layout_type": "ordered",
        "widgets": [{"definition": widget} for widget in widgets],
    }
