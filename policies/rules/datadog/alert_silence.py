"""Rules on silent monitors: drafts, downtimes, mutes and missing data."""

import re
from datetime import UTC, datetime, time
from fractions import Fraction
from math import prod

from pulumi_policy import Severity

from policies.engine.rule import (
    Finding,
    Option,
    Options,
    Resource,
    Verdicts,
    check_each,
    expected,
)
from policies.engine.topics import ALERTS
from policies.engine.waivers import utc_day
from policies.model.checks import guarded
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
    remediation=(
        "Give the downtime an end. If it recurs, let it mute less than half of the time, and name the scope "
        "or the monitors that it mutes."
    ),
    options={
        "days": Option(
            default=31,
            schema={
                "type": "integer",
                "minimum": 1,
                "description": "The maximum days of a downtime, or of each event of a recurring one.",
            },
        ),
        "percent": Option(
            default=50,
            schema={
                "type": "integer",
                "minimum": 1,
                "maximum": 99,
                "description": "The maximum percentage of time in which a recurring downtime mutes.",
            },
        ),
    },
)
def muted(resource: Resource, options: Options) -> Verdicts:
    """Require an early end of every downtime, and refuse recurring ones that mute most of the time.

    All recurrences of a downtime count together, since each mutes the same monitors. None may mute everything
    every day.
    """
    days, percent = options["days"], options["percent"]
    old = resource.type.endswith(":Downtime")
    start, end = _moment(resource, old, "start"), _moment(resource, old, "end")
    recurrence = resource["recurrence" if old else "recurringSchedule"]
    recurrences = [recurrence] if old and not recurrence.absent else [*recurrence["recurrences"].items()]
    if not recurrences:
        yield from _ends(start, end, days)
    elif old:
        yield from guarded(_older_lasting(recurrence, start, end, days, percent))
        if _older_period(recurrence) <= DAY:
            yield from _everything(resource, resource["scopes"], resource["monitorTags"])
    else:
        yield from check_each([(item, days, percent) for item in recurrences], _lasting)
        shares = [*map(_share, recurrences)]
        if max(shares) * 100 <= percent < sum(shares) * 100:
            wanted = f"recurrences that together mute at most {percent}% of the time"
            yield expected(recurrence["recurrences"], wanted)
        if sum(1 / _period(item) for item in recurrences) * DAY >= 1:
            yield from _everything(resource, resource["scope"], resource.at("monitorIdentifier.monitorTags"))


def _moment(resource: Resource, old: bool, name: str) -> Value:
    """Return the property with the start or the end of a downtime, in seconds or as a date."""
    if not old:
        return resource.at(f"oneTimeSchedule.{name}")
    return resource[f"{name}Date"] if resource[name].absent else resource[name]


def _ends(start: Value, end: Value, days: int) -> Verdicts:
    """Report an end that is missing or unreadable, or long after the start; the default start is today."""
    last = _seconds(end)
    if not last:
        yield expected(end, "the time at which the downtime ends")
        return
    today = datetime.combine(utc_day(), time(), UTC).timestamp()
    if last - (_seconds(start) or today) > days * DAY * 60:
        yield expected(end, f"a time at most {days} days after the start")


def _seconds(value: Value) -> float | None:
    """Return a time since the epoch; None if it is absent or unreadable."""
    number, text = value.number(), value.text() or ""
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


DAY = 1440
"""The minutes of a day."""
_MINUTES = {
    "MINUTELY": 1,
    "HOURLY": 60,
    "DAILY": DAY,
    "WEEKLY": 7 * DAY,
    "MONTHLY": 28 * DAY,
    "YEARLY": 365 * DAY,
}
"""By FREQ of RFC 5545, section 3.3.10, the shortest time between two events in minutes."""
_DURATION = re.compile(r"([0-9]{1,400})([mhdw])")
_UNITS = {"m": 1, "h": 60, "d": DAY, "w": 7 * DAY}
_EXPANDED_BY = {
    "BYMONTH": ("YEARLY",),
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY",),
    "BYMONTHDAY": ("MONTHLY", "YEARLY"),
    "BYDAY": ("WEEKLY", "MONTHLY", "YEARLY"),
    "BYHOUR": ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"),
    "BYMINUTE": ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"),
}
"""The values of FREQ for which a part adds events; for others it removes some (RFC 5545, section 3.3.10)."""
_LIMITS_OF_DAILY = {"BYDAY": "WEEKLY", "BYMONTHDAY": "MONTHLY"}
"""By a part that removes days of FREQ=DAILY, the FREQ that has the same days."""
_WEEKDAYS_IN = {"MONTHLY": 5, "YEARLY": 53}
"""The largest number of equal weekdays in a month and in a year."""
_MONTHS = 12


def _period(recurrence: Value) -> Fraction:
    """Return the average minutes from one event of a recurrence to the next, or fewer minutes.

    Names and values have any case (RFC 5545, section 2). A rule without one known FREQ counts as one of each
    minute.
    """
    rule = "".join((recurrence["rrule"].text() or "").upper().split()).removeprefix("RRULE:")
    parts = {name: text for name, _, text in (part.partition("=") for part in rule.split(";"))}
    frequency, interval = parts.get("FREQ", ""), parts.get("INTERVAL", "")
    times = max(int(interval), 1) if interval.isdecimal() and len(interval) < 10 else 1
    if frequency == "DAILY" and times == 1:
        frequency = next((other for part, other in _LIMITS_OF_DAILY.items() if part in parts), frequency)
    period = _MINUTES.get(frequency, 1) if rule.count("FREQ=") == 1 else 1
    return Fraction(period * times, _events(parts, frequency))


def _events(parts: dict[str, str], frequency: str) -> int:
    """Return the largest number of events in a period of a rule."""
    counts = {
        part: sum(_times(item, part, frequency, parts) for item in set(parts[part].split(",")))
        for part, frequencies in _EXPANDED_BY.items()
        if part in parts and frequency in frequencies
    }
    if {"BYDAY", "BYMONTHDAY"} <= counts.keys():  # Each removes days of the other.
        counts["BYDAY"] = min(counts["BYDAY"], counts.pop("BYMONTHDAY"))
    events = prod(counts.values())
    return min(events, len(parts["BYSETPOS"].split(","))) if "BYSETPOS" in parts else events


def _times(item: str, part: str, frequency: str, parts: dict[str, str]) -> int:
    """Return how often an item of a rule's part is in a period, at most.

    A weekday without a number is in it often, and so is a day of a month in a year.
    """
    of_months = frequency == "YEARLY" and "BYMONTH" in parts
    if part == "BYDAY" and item.isalpha():
        return _WEEKDAYS_IN.get("MONTHLY" if of_months else frequency, 1)
    return _MONTHS if part == "BYMONTHDAY" and frequency == "YEARLY" and not of_months else 1


def _minutes(duration: Value) -> int:
    """Return the minutes of a duration; 0 if it is absent or unreadable."""
    match = _DURATION.fullmatch((duration.text() or "").strip().lower())
    return int(match[1]) * _UNITS[match[2]] if match else 0


def _share(recurrence: Value) -> Fraction:
    """Return the share of time in which a recurrence mutes."""
    return _minutes(recurrence["duration"]) / _period(recurrence)


def _lasting(item: tuple[Value, int, int]) -> Verdicts:
    """Report a recurrence whose events are too long, on their own or for the time between two events."""
    recurrence, days, percent = item
    duration = recurrence["duration"]
    if not duration.absent and not _minutes(duration):
        yield expected(duration, "a number with m, h, d or w, such as '2h'")
    elif _share(recurrence) * 100 > percent:
        yield expected(duration, f"at most {percent}% of the time between two events of its rrule")
    elif _minutes(duration) > days * DAY:
        yield expected(duration, f"at most {days} days")


_OLDER_FREQUENCIES = {"days": "DAILY", "weeks": "WEEKLY", "months": "MONTHLY", "years": "YEARLY"}
"""By type of a recurrence of the older form, the value of FREQ in an RRULE."""


def _older_period(recurrence: Value) -> Fraction:
    """Return the minutes from one event of a recurrence of the older form to the next, or fewer minutes."""
    kind, period = recurrence["type"].text() or "", recurrence["period"].number()
    if kind == "rrule":
        return _period(recurrence)
    minutes = _MINUTES[_OLDER_FREQUENCIES[kind]] if kind in _OLDER_FREQUENCIES else 1
    events = len({*recurrence["weekDays"].texts()}) if kind == "weeks" else 1
    return Fraction(minutes * max(int(period or 1), 1), max(events, 1))


def _older_lasting(recurrence: Value, start: Value, end: Value, days: int, percent: int) -> Verdicts:
    """Report a recurring downtime of the older form whose events last too long.

    Each event lasts as long as the first, from the start to the end. Without an end, the first never ends
    (Datadog's API reference, Downtimes).
    """
    first, last = _seconds(start), _seconds(end)
    if not last:
        yield expected(end, "the time at which the first event ends")
    elif not first:
        yield expected(start, "the time at which the first event begins")
    elif (last - first) * 100 > percent * _older_period(recurrence) * 60:
        yield expected(end, f"a time after at most {percent}% of the time between two events")
    elif last - first > days * DAY * 60:
        yield expected(end, f"a time at most {days} days after the start")


def _everything(resource: Resource, scope: Value, monitors: Value) -> Verdicts:
    """Report a downtime of all monitors in every scope; a monitor ID or a tag of monitors limits it."""
    identifier = resource["monitorId"].get() or resource.at("monitorIdentifier.monitorId").get()
    if not identifier and set(monitors.texts()) <= {"*"} and set(scope.texts()) <= {"*"}:
        yield expected(scope, "what is under maintenance every day, or name monitors")


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
