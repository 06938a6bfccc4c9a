"""Alert rules: each monitor alerts when it says it does, and somebody hears of it."""

import re
from collections.abc import Iterator

from pulumi_policy import Severity

from policies.datadog import (
    MONITOR,
    MONITOR_JSON,
    WITH_NO_DATA,
    Monitor,
    Query,
    QueryError,
    alerted,
    monitor,
    parse_query,
)
from policies.patterns import patterns
from policies.rule import Finding, Option, Options, Resource, Topic, Verdicts, wrong
from policies.unknowns import Value

ALERTS = Topic(
    framework="Deployment guide: alert rules",
    tags=("datadog", "monitoring"),
    url="https://docs.datadoghq.com/monitors/configuration/",
)
MONITORS = (MONITOR, MONITOR_JSON)
_LIST = {"type": "array", "items": {"type": "string"}}


def _number(number: float) -> str:
    return f"{number:g}"


@ALERTS.rule(
    "alert-query-unreadable",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: expr and for",),
    url="https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor",
    remediation="Write the query as aggregation(window):expression comparator threshold.",
)
def query_unreadable(resource: Resource, _: Options) -> Verdicts:
    """The query of a monitor compares an expression with a threshold."""
    found = monitor(resource)
    if found.compared:
        try:
            parse_query(found.query.text() or "")
        except QueryError as fault:
            yield Finding(
                found.query.path, f"{found.query.shown()} ({fault})", "write it as expression > threshold"
            )


@ALERTS.rule(
    "alert-threshold-mismatch",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: expr",),
    remediation="Make thresholds.critical equal to the query's, and put the warning before it.",
)
def threshold_mismatch(resource: Resource, _: Options) -> Verdicts:
    """The thresholds of a monitor agree with its query."""
    found = monitor(resource)
    query = found.parsed()
    if query is None:
        return
    critical = found.thresholds["critical"]
    if critical.number() != query.threshold:
        yield wrong(critical, f"{_number(query.threshold)}, as the query has it")
    yield from _order(found, query)


def _order(found: Monitor, query: Query) -> Iterator[Finding]:
    """A warning comes before the alert, a recovery after it: on the side where all is well."""
    snake = found.json
    names = ("warning", "critical_recovery" if snake else "criticalRecovery")
    for name in names:
        value = found.thresholds[name]
        number = value.number()
        if number is not None and not (
            number < query.threshold if query.rising else number > query.threshold
        ):
            side = "below" if query.rising else "above"
            yield wrong(
                value,
                f"a number {side} {_number(query.threshold)}, since the query alerts {query.comparator} it",
            )


@ALERTS.rule(
    "alert-without-target",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Guide: incident step 1",),
    url="https://docs.datadoghq.com/monitors/notify/",
    remediation=(
        "Name in the message, outside {{#is_warning}} and {{#is_recovery}}, who is told when the monitor "
        "alerts."
    ),
    options={
        "targets": Option(
            default=["@.+"],
            schema={
                **_LIST,
                "description": "Regular expressions of the handles that exist for the environment.",
            },
            valid=lambda value: patterns(value) is not None,
            wanted="a list of regular expressions",
        )
    },
)
def without_target(resource: Resource, options: Options) -> Verdicts:
    """An alert reaches somebody, through a handle that exists for the environment."""
    message = monitor(resource).value["message"]
    handles = alerted(message.text() or "")
    existing = [str(pattern) for pattern in options["targets"]]
    wanted = " or ".join(existing)
    if not handles:
        yield Finding(
            message.path,
            f"{message.shown()}, which tells nobody of an alert",
            f"add a handle such as {wanted}",
        )
    for handle in handles:
        if not any(re.fullmatch(pattern, handle) for pattern in existing):
            yield Finding(
                message.path, f"for {handle}, which this environment does not have", f"use {wanted}"
            )


@ALERTS.rule(
    "alert-critical-without-priority",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: severity critical",),
    remediation="Set priority 1 or 2 on every monitor tagged severity:critical.",
)
def without_priority(resource: Resource, _: Options) -> Verdicts:
    """A critical monitor has a priority that says so."""
    found = monitor(resource)
    priority = found.option_priority
    if "severity:critical" in found.tags and str(priority.get()) not in ("1", "2"):
        yield wrong(priority, "1 or 2")


@ALERTS.rule(
    "alert-without-runbook",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: incident steps",),
    remediation="Link the runbook in the message: who is woken must not have to search.",
    options={
        "pattern": Option(
            default=r"https://\S+",
            schema={"type": "string", "description": "Regular expression of a runbook's address."},
            valid=lambda value: patterns([value]) is not None,
            wanted="a regular expression",
        )
    },
)
def without_runbook(resource: Resource, options: Options) -> Verdicts:
    """The message of a monitor links its runbook."""
    message = monitor(resource).value["message"]
    if not re.search(options["pattern"], message.text() or ""):
        yield Finding(
            message.path, "without a runbook", f"add a link that matches {options['pattern']}", message.absent
        )


@ALERTS.rule(
    "alert-tags-missing",
    types=MONITORS,
    severity=Severity.LOW,
    controls=("Datadog unified service tagging",),
    url="https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/",
    remediation="Tag every monitor with the environment, service, team and severity.",
    options={"keys": Option(default=["env", "service", "team", "severity"], schema=_LIST)},
)
def tags_missing(resource: Resource, options: Options) -> Verdicts:
    """A monitor says by tags whose it is and how bad its alert is."""
    found = monitor(resource)
    given = {tag.partition(":")[0] for tag in found.tags if tag.partition(":")[2]}
    missing = [str(key) for key in options["keys"] if key not in given]
    if missing:
        value = found.value["tags"]
        added = ", ".join(f"{key}:…" for key in missing)
        yield Finding(value.path, value.shown(), f"add {added}", value.absent)


@ALERTS.rule(
    "alert-no-data-undecided",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Datadog: no data",),
    url="https://docs.datadoghq.com/monitors/configuration/?tab=thresholdalert#no-data",
    remediation="Set notifyNoData (with noDataTimeframe at least twice the window) or onMissingData.",
)
def no_data(resource: Resource, _: Options) -> Verdicts:
    """A monitor of a metric says what happens when the metric stops coming."""
    found = monitor(resource)
    if found.kind not in WITH_NO_DATA:
        return
    notify, missing = found.option("notifyNoData"), found.option("onMissingData")
    if notify.absent and missing.absent:
        yield wrong(notify, "true, or say in onMissingData what happens")
    frame, query = found.option("noDataTimeframe"), found.parsed()
    if notify.flag() and query is not None:
        least = 2 * query.window
        if (frame.number() or 0) < least:
            yield wrong(frame, f"{least} or more minutes, twice the query's window")


@ALERTS.rule(
    "alert-critical-not-renotified",
    types=MONITORS,
    severity=Severity.LOW,
    controls=("Datadog: renotify",),
    url="https://docs.datadoghq.com/monitors/notify/#renotify",
    remediation="Set renotifyInterval, so that an alert nobody took is sent again.",
)
def not_renotified(resource: Resource, _: Options) -> Verdicts:
    """A critical monitor sends its alert again while nobody resolves it."""
    found = monitor(resource)
    interval = found.option("renotifyInterval")
    if found.critical and not interval.number():
        yield wrong(interval, "minutes above 0")


@ALERTS.rule(
    "alert-window-too-long",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Guide: for 5m",),
    remediation="Shorten the window: an alert comes no sooner than the window lets it.",
    options={
        "minutes": Option(default=1440, schema={"type": "integer", "minimum": 1}),
        "byName": Option(
            default={"HighErrorRate": 5},
            schema={
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
                "description": "Minutes for monitors whose name contains the word.",
            },
        ),
    },
)
def window_too_long(resource: Resource, options: Options) -> Verdicts:
    """A monitor looks back no longer than it may."""
    found = monitor(resource)
    query, name = found.parsed(), found.value["name"].text() or ""
    named = [minutes for word, minutes in options["byName"].items() if is_named(name, word)]
    allowed = int(min([options["minutes"], *named]))
    if query is not None and query.window > allowed:
        yield Finding(
            found.query.path, f"{found.query.shown()}, {query.window} minutes", f"use at most {allowed}"
        )


def is_named(name: str, word: str) -> bool:
    """Whether a monitor's name contains a word."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name) is not None


@ALERTS.rule(
    "alert-draft",
    types=(MONITOR,),
    severity=Severity.HIGH,
    controls=("Datadog: draft monitors",),
    remediation="Publish the monitor: a draft notifies nobody.",
)
def draft(resource: Resource, _: Options) -> Verdicts:
    """No monitor is a draft."""
    status = resource["draftStatus"]
    if status.text() == "draft":
        yield wrong(status, "'published'")


@ALERTS.rule(
    "alert-muted-for-ever",
    types=("datadog:index/downtimeSchedule:DowntimeSchedule", "datadog:index/downtime:Downtime"),
    severity=Severity.HIGH,
    controls=("Datadog: downtimes",),
    url="https://docs.datadoghq.com/monitors/downtimes/",
    remediation="Give the downtime an end, and a monitor or tags narrower than everything.",
)
def muted(resource: Resource, _: Options) -> Verdicts:
    """No downtime mutes monitors without an end."""
    if resource.type.endswith(":Downtime"):
        end, once = resource["end"], resource["recurrence"].absent
        end = resource["endDate"] if end.absent else end
    else:
        end = resource.at("oneTimeSchedule.end")
        once = resource["recurringSchedule"].absent
    if once and end.get() in (None, "", 0):
        yield wrong(end, "the moment at which the work is over")


@ALERTS.rule(
    "alert-muted-monitor",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Datadog: downtimes",),
    remediation="Remove `silenced`; announce work with a downtime that ends.",
)
def silenced(resource: Resource, _: Options) -> Verdicts:
    """No monitor is declared muted."""
    value: Value = monitor(resource).option("silenced")
    if value.entries():
        yield Finding(value.path, value.shown(), "remove it")
