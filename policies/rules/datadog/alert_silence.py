"""Rules on silent monitors: drafts, downtimes, mutes and missing data."""

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Options,
    Resource,
    Verdicts,
    expected,
)
from policies.engine.topics import ALERTS
from policies.model.datadog_monitors import (
    COUNT,
    MONITORS,
    WITH_NO_DATA,
    monitor,
)
from policies.model.property_values import Value


@ALERTS.rule(
    "alert-no-data-undecided",
    types=MONITORS,
    severity=Severity.MEDIUM,
    controls=("Datadog: no data",),
    url="https://docs.datadoghq.com/monitors/configuration/?tab=thresholdalert#no-data",
    remediation="Set notifyNoData (with noDataTimeframe at least twice the window) or onMissingData.",
)
def no_data(resource: Resource, _: Options) -> Verdicts:
    """Require every monitor to define its reaction to missing data."""
    subject = monitor(resource)
    if COUNT.search(subject.query.text() or ""):
        return  # missing data count as 0, which the query compares like any other number
    decides = [subject.option(name) for name in WITH_NO_DATA.get(subject.kind, ())]
    if decides and all(option.absent for option in decides):
        also = ", or set onMissingData" if len(decides) > 1 else " or false"
        yield expected(decides[0], f"true{also}")
    frame, query = subject.option("noDataTimeframe"), subject.parsed() if decides else None
    if query is not None and subject.option("notifyNoData").flag():
        least = 2 * query.window
        if (frame.number() or 0) < least:
            wanted = "as many minutes as" if subject.query.secret else f"{least} or more minutes,"
            yield expected(frame, f"{wanted} twice the query's window")


@ALERTS.rule(
    "alert-draft",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Datadog: draft monitors",),
    remediation="Publish the monitor: a draft notifies nobody.",
)
def draft(resource: Resource, _: Options) -> Verdicts:
    """Refuse monitors in draft status."""
    subject = monitor(resource)
    status = subject.value["draft_status" if subject.json else "draftStatus"]
    if status.text() == "draft":
        yield expected(status, "'published'")


@ALERTS.rule(
    "alert-muted-for-ever",
    types=("datadog:index/downtimeSchedule:DowntimeSchedule", "datadog:index/downtime:Downtime"),
    severity=Severity.HIGH,
    controls=("Datadog: downtimes",),
    url="https://docs.datadoghq.com/monitors/downtimes/",
    remediation="Give the downtime an end, unless it recurs.",
)
def muted(resource: Resource, _: Options) -> Verdicts:
    """Require an end for every downtime that does not recur."""
    if resource.type.endswith(":Downtime"):
        end, once = resource["end"], resource["recurrence"].absent
        end = resource["endDate"] if end.absent else end
    else:
        end = resource.at("oneTimeSchedule.end")
        once = resource["recurringSchedule"].absent
    if once and end.get() in (None, "", 0):
        yield expected(end, "the time at which the downtime ends")


@ALERTS.rule(
    "alert-muted-monitor",
    types=MONITORS,
    severity=Severity.HIGH,
    controls=("Datadog: downtimes",),
    remediation="Remove `silenced`; for maintenance, declare a downtime that ends.",
)
def silenced(resource: Resource, _: Options) -> Verdicts:
    """Refuse monitors that are declared muted."""
    value: Value = monitor(resource).option("silenced")
    if value.entries():
        yield Finding(value.path, value.shown(), "remove it")
