"""Checks of monitors (docs.datadoghq.com/api/latest/monitors)."""

import re
from collections.abc import Iterator
from typing import Any

from sandbox.wire.request_bodies.datadog.queries import GRAMMAR_RULES, Query, QueryError, parse
from sandbox.wire.request_bodies.parts import Part
from sandbox.wire.values import Json

METRIC_TYPES = ("metric alert", "query alert")
"""The two names of the type of a monitor that queries metrics."""

LONGEST_WINDOW = 44640
"""The longest evaluation window in minutes."""

OPTIONS_WITHOUT_LIMIT = (
    "evaluation_delay",
    "new_group_delay",
    "new_host_delay",
    "no_data_timeframe",
    "renotify_interval",
    "renotify_occurrences",
)
"""The numbers among the options that must only not be negative."""

BLOCK = re.compile(r"\{\{\s*([#^/])\s*([^}\s]+)[^}]*\}\}")
"""The start or end of a conditional block in a message: {{#is_alert}}, {{^is_recovery}}, {{/is_alert}}."""


def faults(monitor: Json) -> Iterator[str]:
    """Yield the faults of a monitor."""
    yield from _option_faults(Part(monitor))
    yield from validation_faults(monitor)


def _option_faults(monitor: Part) -> Iterator[str]:
    """Yield a fault for options that exclude each other, and for numbers beyond their limits."""
    options = monitor["options"]
    missing_data, timeframe = options["on_missing_data"], options["no_data_timeframe"]
    if missing_data:
        if options["notify_no_data"].value is True:
            yield missing_data.fault("notify_no_data cannot be used together with on_missing_data")
        message = "no_data_timeframe cannot be used together with on_missing_data"
        yield from timeframe.fault_if(timeframe, message)
        if monitor["type"].may_be("service check", "slo alert"):
            yield missing_data.fault("on_missing_data cannot be used with a monitor of this type")
    yield from monitor["priority"].within(1, 5)
    if options["renotify_statuses"] and not options["renotify_interval"]:
        yield options.fault("dependentRequired: {'renotify_statuses': ['renotify_interval']}")
    yield from options["timeout_h"].within(0, 24)
    for name in OPTIONS_WITHOUT_LIMIT:
        yield from options[name].within(0)


def validation_faults(monitor: Json) -> Iterator[str]:
    """Yield the faults that Datadog's validation finds in the query, the thresholds and the message."""
    kind = monitor["type"]
    if kind not in GRAMMAR_RULES:
        known = ", ".join(sorted(GRAMMAR_RULES))
        yield f"the sandbox cannot check a monitor of the type {kind}; it can check {known}"
        return
    try:
        query = parse(monitor["query"], GRAMMAR_RULES[kind])
    except QueryError as error:
        yield f"The value provided for parameter 'query' is invalid: {error}"
        return
    options: Json = monitor.get("options", {})
    yield from _query_faults(kind, query)
    yield from _threshold_faults(kind, query, options.get("thresholds") or {})
    yield from _group_faults(kind, query, options)
    yield from _message_faults(monitor.get("message", ""))


def _query_faults(kind: str, query: Query) -> Iterator[str]:
    """Yield the faults of a query that the grammar allows."""
    if kind in METRIC_TYPES and not query.series:
        yield "The value provided for parameter 'query' is invalid: it names no metric"
    invalid = [str(minutes) for minutes in query.minutes if not 1 <= minutes <= LONGEST_WINDOW]
    if invalid:
        limits = "The evaluation window must be between 1 minute and 1 month"
        yield f"{limits}; it is {', '.join(invalid)} minutes"


def _threshold_faults(kind: str, query: Query, thresholds: Json) -> Iterator[str]:
    """Yield the faults of the thresholds, which must fit the query's comparison."""
    critical, warning = thresholds.get("critical"), thresholds.get("warning")
    if thresholds and critical is None:
        yield "Alert status is required."
    if kind == "service check" and max(thresholds.values(), default=1) > query.last:
        yield "Last field should be larger than or equal to max threshold defined in monitor options"
    if query.threshold is not None and critical is not None and critical != query.threshold:
        threshold = f"({query.threshold})"
        yield f"Alert threshold ({critical}) does not match that used in the query {threshold}."
    alert = f"the alert threshold ({critical})"
    if ">" in query.comparator:
        if _is_at_least(warning, critical):
            yield f"Warning threshold ({warning}) must be less than {alert}."
        yield from _recovery_faults(thresholds, 1)
    elif "<" in query.comparator:
        if _is_at_least(critical, warning):
            yield f"Warning threshold ({warning}) must be greater than {alert}."
        yield from _recovery_faults(thresholds, -1)


def _recovery_faults(thresholds: Json, direction: int) -> Iterator[str]:
    """Yield a fault for each state whose recovery threshold is on the wrong side of its own threshold.

    `direction` is 1 if a state begins above its threshold, and -1 if it begins below.
    """
    for member, state in (("critical", "alert"), ("warning", "warning")):
        begin, end = thresholds.get(member), thresholds.get(f"{member}_recovery")
        if begin is not None and end is not None and direction * end > direction * begin:
            states = f"{state} and {state} recovery"
            yield f"{states} criteria are such that the monitor can be simultaneously in {states} states"


def _is_at_least(first: Any, second: Any) -> bool:
    """Return True if both numbers exist and the first is not less than the second."""
    return first is not None and second is not None and first >= second


def _group_faults(kind: str, query: Query, options: Json) -> Iterator[str]:
    """Yield the faults of options that concern the groups of the query."""
    if options.get("new_group_delay") is not None and not query.groups:
        yield "The new_group_delay option can only be used for multi-alert monitors"
    if kind in METRIC_TYPES:
        unknown = sorted({*options.get("notify_by", ())} - query.groups - {"*"})
        if unknown:
            yield f"notify_by: {', '.join(unknown)} is not among the query's groups"


def _message_faults(text: str) -> Iterator[str]:
    """Yield a fault if an end of a conditional block has no matching start, or a block is not closed."""
    open_blocks: list[str] = []
    for sign, name in BLOCK.findall(text):
        if sign != "/":
            open_blocks.append(name)
        elif not open_blocks or open_blocks.pop() != name:
            yield f"message: {{{{/{name}}}}} does not match an open block"
            return
    if open_blocks:
        yield f"message: {{{{#{open_blocks[-1]}}}}} is not closed"
