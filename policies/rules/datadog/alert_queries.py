"""Queries of monitors: each alerts when its thresholds say it does, and soon enough."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Verdicts,
    expected,
)
from policies.engine.topics import ALERTS
from policies.model.datadog_monitors import (
    MONITORS,
    Monitor,
    Query,
    QueryError,
    is_named,
    monitor,
    parse_query,
)


def _unless_secret(found: Monitor, text: str) -> str:
    """What a message may derive from a monitor's query."""
    return "" if found.query.secret else text


@ALERTS.rule(
    "alert-query-unreadable",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: expr and for",),
    url="https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor",
    remediation="Write the query as aggregation(window):expression comparator threshold.",
)
def query_unreadable(resource: Resource, _: Options) -> Verdicts:
    """Require monitor queries that compare an expression with a threshold."""
    found = monitor(resource)
    if found.compared:
        try:
            parse_query(found.query.text() or "")
        except QueryError as fault:
            shown = found.query.shown() + _unless_secret(found, f" ({fault})")
            yield Finding(found.query.path, shown, "write it as expression > threshold")
    else:
        found.parsed()  # not judged where the pack does not know how queries of the type end


@ALERTS.rule(
    "alert-threshold-mismatch",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: expr",),
    remediation="Make thresholds.critical equal to the query's, and put the warning before it.",
)
def threshold_mismatch(resource: Resource, _: Options) -> Verdicts:
    """Require monitor thresholds that agree with the query."""
    found = monitor(resource)
    query = found.parsed()
    if query is None:
        return
    critical = found.thresholds["critical"]
    if critical.number() != query.threshold:
        yield expected(critical, _unless_secret(found, f"{query.threshold:g}, ") + "as the query has it")
    yield from _order(found, query)


def _order(found: Monitor, query: Query) -> Verdicts:
    """A warning comes before the alert, a recovery after either: on the side where all is well."""
    if query.rising is None:
        return
    critical = f" {query.threshold:g}, since the query alerts {query.comparator} it"
    critical = _unless_secret(found, critical) or " the query's threshold"
    warning = found.threshold("warning")
    for value, limit, text in (
        (warning, query.threshold, critical),
        (found.threshold("criticalRecovery"), query.threshold, critical),
        (found.threshold("warningRecovery"), warning.number(), f" the warning's {warning.shown()}"),
    ):
        number = value.number()
        if number is None or limit is None:
            continue
        if number >= limit if query.rising else number <= limit:
            yield expected(value, f"a number {'below' if query.rising else 'above'}{text}")


@ALERTS.rule(
    "alert-window-too-long",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: for 5m",),
    remediation="Shorten the window: an alert comes no sooner than the window lets it.",
    options={
        "minutes": Option(
            default=1440,
            schema={"type": "integer", "minimum": 1, "description": "Minutes for every other monitor."},
        ),
        "byName": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
                "description": "Minutes for monitors whose name contains the word.",
            },
        ),
    },
)
def window_too_long(resource: Resource, options: Options) -> Verdicts:
    """Limit the evaluation window of monitor queries."""
    found = monitor(resource)
    query, name = found.parsed(), found.value["name"].text() or ""
    named = [minutes for word, minutes in options["byName"].items() if is_named(name, word)]
    allowed = int(min([options["minutes"], *named]))
    if query is not None and query.window > allowed:
        shown = found.query.shown() + _unless_secret(found, f", {query.window} minutes")
        yield Finding(found.query.path, shown, f"use at most {allowed}{' minutes' * found.query.secret}")
