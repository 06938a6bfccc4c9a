"""Rules on monitor queries: form, thresholds and evaluation window."""

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
from policies.model.checks import guarded
from policies.model.datadog_monitors import (
    MONITORS,
    Monitor,
    Query,
    QueryError,
    is_named,
    monitor,
    parse_query,
)
from policies.model.property_values import Value


def _unless_secret(subject: Monitor, text: str) -> str:
    """Return a string that is derived from a monitor's query, or an empty string if the query is secret."""
    return "" if subject.query.secret else text


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
    subject = monitor(resource)
    if subject.compared:
        try:
            parse_query(subject.query.text() or "")
        except QueryError as fault:
            shown = subject.query.shown() + _unless_secret(subject, f" ({fault})")
            yield Finding(subject.query.path, shown, "write it as expression > threshold")
    else:
        subject.parsed()  # unknown for types whose query syntax the pack does not know


@ALERTS.rule(
    "alert-threshold-mismatch",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: expr",),
    url="https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor",
    remediation=(
        "Set thresholds.critical to the query's threshold, and the other thresholds to values on its healthy "
        "side."
    ),
)
def threshold_mismatch(resource: Resource, _: Options) -> Verdicts:
    """Require monitor thresholds that agree with the query."""
    subject = monitor(resource)
    query = subject.parsed()
    if query is None:
        return
    critical = subject.thresholds["critical"]
    # Without the option, the number in the query sets the threshold (API "Create a monitor", query types).
    if not critical.absent and critical.number() != query.threshold:
        yield expected(critical, _unless_secret(subject, f"{query.threshold:g}, ") + "the query's threshold")
    yield from _order(subject, query)


def _order(subject: Monitor, query: Query) -> Verdicts:
    """Require warnings and recoveries on the healthy side of the threshold to which they belong.

    `warning` and `criticalRecovery` belong to the critical threshold, and `warningRecovery` to the warning.
    """
    if query.rising is None:
        return
    critical = f" {query.threshold:g}, since the query alerts {query.comparator} it"
    critical = _unless_secret(subject, critical) or " the query's threshold"
    warning = subject.threshold("warning")
    for value, limit, text in (
        (warning, query.threshold, critical),
        (subject.threshold("criticalRecovery"), query.threshold, critical),
        (subject.threshold("warningRecovery"), warning.number(), f" the warning's {warning.shown()}"),
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
    # Datadog recommends a delay of 900 seconds for metrics of clouds (Configure monitors, Evaluation delay).
    remediation="Shorten the window or the evaluation delay, since each of them delays the alert.",
    options={
        "minutes": Option(
            default=1440,
            schema={"type": "integer", "minimum": 1, "description": "The maximum window in minutes."},
        ),
        "delay": Option(
            default=900,
            schema={
                "type": "integer",
                "minimum": 0,
                "description": "The maximum delay in seconds.",
            },
        ),
        "byName": Option(
            default={},
            schema={
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
                "description": "By word, a lower maximum in minutes for monitors whose name contains it.",
            },
        ),
    },
)
def window_too_long(resource: Resource, options: Options) -> Verdicts:
    """Limit the length of the evaluation window in monitor queries, and the delay of the evaluation."""
    subject = monitor(resource)
    yield from guarded(_delay(subject.option("evaluationDelay"), options["delay"]))
    query, name = subject.parsed(), subject.value["name"].text() or ""
    named = [minutes for word, minutes in options["byName"].items() if is_named(name, word)]
    allowed = int(min([options["minutes"], *named]))
    if query is not None and query.window > allowed:
        shown = subject.query.shown() + _unless_secret(subject, f" (a window of {query.window} minutes)")
        yield Finding(subject.query.path, shown, f"use at most {allowed} minutes")


def _delay(delay: Value, most: int) -> Verdicts:
    if (delay.number() or 0) > most:
        yield expected(delay, f"at most {most} seconds")
