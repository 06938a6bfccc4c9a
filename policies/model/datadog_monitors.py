"""Datadog monitors, with parsers for their queries and messages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from policies.engine.rule import Resource, cached
from policies.model.property_values import UnknownValueError, Value

MONITOR = "datadog:index/monitor:Monitor"
MONITOR_JSON = "datadog:index/monitorJson:MonitorJson"
MONITORS = (MONITOR, MONITOR_JSON)
SYNTHETIC = "datadog:index/syntheticsTest:SyntheticsTest"
SLO = "datadog:index/serviceLevelObjective:ServiceLevelObjective"

# Types whose query ends in a comparison (docs.datadoghq.com/api/latest/monitors, "query").
COMPARED = frozenset(
    {
        "metric alert",
        "query alert",
        "log alert",
        "event-v2 alert",
        "rum alert",
        "trace-analytics alert",
        "ci-pipelines alert",
        "ci-tests alert",
        "error-tracking alert",
        "slo alert",
        "audit alert",
        "cost alert",
        "database-monitoring alert",
        "network-path alert",
        "network-performance alert",
        "process alert",
    }
)
UNCOMPARED = frozenset({"composite", "service check", "synthetics alert"})
"""Types whose queries have no comparison. For types in neither set, an unparsable query counts as unknown."""
_ON_MISSING_DATA = frozenset(
    {
        "metric alert",
        "query alert",
        "audit alert",
        "ci-pipelines alert",
        "ci-tests alert",
        "error-tracking alert",
        "event-v2 alert",
        "log alert",
        "rum alert",
        "trace-analytics alert",
    }
)
COUNT = re.compile(r"""\.rollup\(\s*["']count["']\s*\)""")
"""The part of a query that counts events."""
WITH_NO_DATA = {
    **dict.fromkeys(_ON_MISSING_DATA, ("notifyNoData", "onMissingData")),
    "service check": ("notifyNoData",),
}
"""The options that control the handling of missing data, by monitor type."""

_COMPARATORS = frozenset("<>=!")
_COMPARISON = re.compile(r"(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_WINDOW = re.compile(
    r"""\(\s*(?:last_|current_)(\d{1,9})(m|h|d|w|mo)\b"""
    r"""|\.(?:last|short_window|long_window)\(\s*["']?(\d{1,9})(m|h|d|w|mo)["']?\s*\)"""
)
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080, "mo": 43200}
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True)
class Query:
    """A parsed monitor query: the expression, the comparator and the threshold."""

    expression: str
    comparator: str
    threshold: float

    @property
    def rising(self) -> bool | None:
        """True if the query alerts above its threshold, False if below it; None for == and !=."""
        return {">": True, "<": False}.get(self.comparator[0])

    @property
    def window(self) -> int:
        """The longest window of the query in minutes; 0 if the query has no window.

        The argument `over` of a burn rate is not a window, but the timeframe of the SLO.
        """
        windows = _WINDOW.findall(self.expression)
        return max((int(a or b) * _MINUTES[c or d] for a, c, b, d in windows), default=0)


class QueryError(ValueError):
    """A query that is not a comparison with a threshold."""


def parse_query(text: str) -> Query:
    """Parse a query; its threshold is in the last comparison outside brackets and quotes."""
    place: int | None = None
    for index, character in _outside(text):
        if character in _COMPARATORS and text[index - 1 : index] not in _COMPARATORS:
            place = index
    match = _COMPARISON.fullmatch(text[place:]) if place else None
    if match is None:
        raise QueryError("it ends without a comparison such as > 0.01")
    return Query(text[:place].strip(), match[1], float(match[2]))


def _outside(text: str) -> Iterator[tuple[int, str]]:
    """Yield the characters of a query outside brackets and quotes, with their positions."""
    open_brackets: list[str] = []
    quote, escaped = "", False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            open_brackets.append(character)
        elif character in _PAIRS:
            if not open_brackets or open_brackets.pop() != _PAIRS[character]:
                raise QueryError(f"{character!r} at position {index} has no opening bracket")
        elif not open_brackets:
            yield index, character
    if open_brackets or quote:
        raise QueryError(f"{(quote or open_brackets[-1])!r} is not closed")


_HANDLE = re.compile(r"(?<![\w.{])@[A-Za-z0-9][\w.+@-]*[\w]")
_VARIABLE = re.compile(r"\{\{\{?[^{}]*\}\}")
"""A variable, such as {{ @machine_id.name }}, whose name can be that of a facet but is no handle.

Source: docs.datadoghq.com/monitors/notify/variables, "Group by facet"."""
_COMMENT = re.compile(r"\{\{!(?:--(?:(?!--\}\})[\s\S])*+(?:--\}\})?|(?:(?!\}\})[\s\S])*+(?:\}\})?)")
"""A comment, which notifies nobody: `{{!-- … --}}` (same page, "Comments"), or Handlebars' `{{! … }}`."""
_TAG = re.compile(r"\{\{(?:([#^])(?:(is_\w+)\b[^{}]*\}\})?|/(is_\w+)\}\}|else\}\})")
"""A tag that opens or closes a condition, or its {{else}}. The groups are the sign and the name of an opening
tag, and the name of a closing tag."""
_ALWAYS = frozenset({"is_match", "is_exact_match", "is_priority"})
_DEPENDS = {
    "is_alert": _ALWAYS | {"is_warning_to_alert", "is_no_data_to_alert"},
    "is_warning": _ALWAYS | {"is_alert_to_warning", "is_no_data_to_warning", "is_renotify"},
}
"""By state, the conditions that hold for some notifications of that state but not for others."""


def handles(message: str, state: str = "is_alert") -> list[str]:
    """Return the handles that a message notifies of a new alert or a warning.

    Handles that receive only recoveries, or only reminders of alerts, do not count.
    """
    message = _COMMENT.sub(" ", message)
    parts: list[str] = []
    begin = hiding = 0
    for tag, change, separator in _conditions(message, state):
        if hiding == 0:
            parts += (message[begin : tag.start()], separator)
        begin = tag.end()
        hiding += change
    if hiding == 0:
        parts.append(message[begin:])
    return _HANDLE.findall(_VARIABLE.sub(" ", "".join(parts)))


def _conditions(message: str, state: str) -> list[tuple[re.Match[str], int, str]]:
    """Return (tag, change, separator) for the tags of all closed conditions, in order.

    A condition may hide text in this state. `change` is the change in the number of hiding conditions at the
    tag. `separator` joins the texts before and after the tag. One pass with a stack takes linear time, even
    for a message of many nested conditions.
    """
    tags = list(_TAG.finditer(message))
    conditions: dict[int, tuple[re.Match[str], int, str]] = {}
    open_tags: list[tuple[int, int | None]] = []
    """For each open condition, the indexes of its opening tag and of its {{else}}."""
    for index, tag in enumerate(tags):
        sign, _, closing = tag.groups()
        if sign:
            open_tags.append((index, None))
        elif not open_tags:
            continue
        elif closing is None:
            opening, otherwise = open_tags[-1]
            open_tags[-1] = (opening, index if otherwise is None else otherwise)
        elif tags[open_tags[-1][0]][2] == closing:
            opening, otherwise = open_tags.pop()
            depends = closing in _DEPENDS[state]
            holds = (tags[opening][1] == "#") == (closing == state)
            hidden_first, hidden_second = int(not (depends or holds)), int(not depends and holds)
            separator = " " if depends else ""
            conditions[opening] = (tags[opening], hidden_first, "")
            if otherwise is not None:
                conditions[otherwise] = (tags[otherwise], hidden_second - hidden_first, separator)
            last = hidden_first if otherwise is None else hidden_second
            conditions[index] = (tag, -last, separator)
    return [conditions[index] for index in sorted(conditions)]


@dataclass(frozen=True)
class Monitor:
    """A monitor, from typed properties or from a JSON document."""

    resource: Resource
    value: Value
    options: Value
    """The object that contains the options: the typed properties, or `options` of the JSON document."""
    thresholds: Value
    json: bool

    def option(self, name: str) -> Value:
        """Return an option by its name in Pulumi, which is converted to snake case for a JSON document."""
        return self.options[_snake(name) if self.json else name]

    def threshold(self, name: str) -> Value:
        """Return a threshold by its name in Pulumi."""
        return self.thresholds[_snake(name) if self.json else name]

    @property
    def kind(self) -> str:
        return self.value["type"].text() or ""

    @property
    def query(self) -> Value:
        return self.value["query"]

    @property
    def compared(self) -> bool:
        """True if the query must contain a comparison with a threshold."""
        return self.kind in COMPARED

    def parsed(self) -> Query | None:
        """Return the parsed query; None if the query has no threshold or cannot be parsed.

        Raise UnknownValueError if parsing fails for a type whose query syntax the pack does not know.
        """
        if self.kind in UNCOMPARED:
            return None
        try:
            return parse_query(self.query.text() or "")
        except QueryError:
            if self.compared:
                return None
            raise UnknownValueError(self.query.path) from None

    @property
    def runbooks(self) -> list[str]:
        """The URLs of the runbooks among the assets; Datadog's own notebooks have relative URLs."""
        urls = [
            asset["url"].text() or ""
            for asset in self.value["assets"].items()
            if asset["category"].text() == "runbook"
        ]
        return [f"https://app.datadoghq.com{url}" if url.startswith("/") else url for url in urls]

    @property
    def tags(self) -> list[str]:
        return self.value["tags"].texts()

    @property
    def critical(self) -> bool:
        """True if the monitor may page people: it has the tag severity:critical or priority 1."""
        return "severity:critical" in self.tags or str(self.option_priority.get()) == "1"

    @property
    def option_priority(self) -> Value:
        """The priority, which is outside the options in a JSON document too."""
        return self.value["priority"]


@cached
def monitor(resource: Resource) -> Monitor:
    """Return the monitor that a resource declares."""
    if resource.type == MONITOR:
        props = resource.props
        return Monitor(resource, props, props, props["monitorThresholds"], json=False)
    document = resource["monitor"].json()
    options = document["options"]
    return Monitor(resource, document, options, options["thresholds"], json=True)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def is_named(name: str, word: str) -> bool:
    """Return True if a monitor's name contains a word, as a whole word."""
    return _whole(word).search(name) is not None


@cache
def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
