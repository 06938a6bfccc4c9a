"""Checks of monitors, SLOs and dashboards, with a parser of their queries."""

import functools
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token
from lark.exceptions import UnexpectedInput

from sandbox.wire.templates import broken_rules

GRAMMAR_RULES = {
    "metric alert": "metric",
    "query alert": "metric",
    "service check": "check",
    "slo alert": "slo",
}
"""The rule of monitor_query.lark for the queries of each monitor type; other types are refused."""

MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080, "mo": 44640}
"""The length of each unit of an evaluation window, in minutes."""

BLOCK = re.compile(r"\{\{\s*([#^/])\s*([^}\s]+)[^}]*\}\}")
"""The start or end of a conditional block in a message: {{#is_alert}}, {{^is_recovery}}, {{/is_alert}}."""


class QueryError(ValueError):
    """A query does not follow the grammar."""


@dataclass(frozen=True)
class Query:
    """The parsed parts of a query."""

    comparator: str = ""
    threshold: float | None = None
    groups: frozenset[str] = frozenset()
    """The tags by which the query groups its results; "*" stands for any tag."""
    last: int = 0
    """The number of runs of a service check that are evaluated, counted back from the latest."""
    strings: tuple[str, ...] = ()
    """For an SLO alert, the SLO's ID and the windows; for a service check, its name and tags."""
    minutes: tuple[int, ...] = ()
    """The evaluation windows in minutes."""
    series: tuple[str, ...] = ()
    """The metrics, each with its aggregation, such as `avg:system.load.1`."""


@functools.cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("monitor_query.lark").read_text()
    return Lark(grammar, parser="lalr", start=[*{*GRAMMAR_RULES.values()}, "expression", "formula"])


@functools.cache
def _rules() -> Any:
    return tomllib.loads(Path(__file__).with_name("monitors.toml").read_text())


def parse(query: str, kind: str = "metric") -> Query:
    """Parse a query; `kind` is a rule of the grammar: metric, check, slo, expression or formula.

    Raise QueryError for an invalid query. The message quotes the text before the mistake.
    """
    try:
        tree = _parser().parse(query, start=kind)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        read = query if token is not None and token.type == "$END" else query[: error.pos_in_stream or 0]
        raise QueryError(f"syntax error after {read.strip()[-40:]!r}") from error
    tokens: dict[str, list[str]] = defaultdict(list)
    for token in tree.scan_values(lambda value: isinstance(value, Token)):
        tokens[token.type].append(str(token))
    threshold = next(tree.find_data("threshold"), None)
    groups = [name.strip() for text in tokens["GROUPS"] for name in text.strip("{} ").split(",")]
    return Query(
        comparator=next(iter(tokens["COMPARATOR"]), ""),
        threshold=float("".join(map(str, threshold.children))) if threshold else None,
        groups=frozenset(groups),
        last=int(next(iter(tokens["LAST"]), 0)),
        strings=tuple(text[1:-1] for text in tokens["STRING"]),
        minutes=tuple(_minutes(span) for span in tokens["SPAN"]),
        series=tuple(tokens["SERIES"]),
    )


def _minutes(span: str) -> int:
    number, unit = re.findall(r"last_(\d+)(\w+)", span)[0]
    return int(number) * MINUTES[unit]


def faults(monitor: Any) -> Iterator[str]:
    """Yield the faults of a monitor that Datadog's validation finds, but the client's model does not."""
    kind, options = monitor["type"], monitor.get("options", {})
    if kind not in GRAMMAR_RULES:
        known = ", ".join(sorted(GRAMMAR_RULES))
        yield f"the sandbox cannot check a monitor of the type {kind}; it can check {known}"
        return
    try:
        query = parse(monitor["query"], GRAMMAR_RULES[kind])
    except QueryError as error:
        yield f"The value provided for parameter 'query' is invalid: {error}"
        return
    parts = asdict(query) | {
        "groups": [*query.groups],
        "minutes": [*query.minutes],
        "series": [*query.series],
        "rises": ">" in query.comparator,
        "falls": "<" in query.comparator,
    }
    variables = {"type": kind, "options": options, "at": options.get("thresholds") or {}, "query": parts}
    yield from (rule["say"] for rule in broken_rules(_rules()["monitor"], variables))
    yield from _message_faults(monitor.get("message", ""))


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


def slo_faults(slo: Any) -> Iterator[str]:
    """Yield the faults of an SLO that Datadog finds, but the client's model does not."""
    yield from (rule["say"] for rule in broken_rules(_rules()["slo"], slo))
    for name, query in slo.get("query", {}).items():
        yield from _query_faults(name, query)


def dashboard_faults(dashboard: Any, path: str = "") -> Iterator[str]:
    """Yield the faults of a dashboard or group widget that Datadog finds, but the client's model does not."""
    for index, widget in enumerate(dashboard.get("widgets", ())):
        definition, location = widget["definition"], f"{path}widgets[{index}].definition"
        yield from dashboard_faults(definition, f"{location}.")
        requests = definition.get("requests")
        for request in cast("list[Any]", requests) if isinstance(requests, list) else ():
            yield from _request_faults(location, request)


def _request_faults(location: str, request: Any) -> Iterator[str]:
    """Yield the faults of the queries and formulas in a widget's request."""
    if query := request.get("q"):
        yield from _query_faults(location, query)
    for query in request.get("queries", ()):
        if query["data_source"] == "metrics":
            yield from _query_faults(location, query["query"])
    for formula in request.get("formulas", ()):
        yield from _query_faults(location, formula["formula"], "formula")


def _query_faults(location: str, query: str, kind: str = "expression") -> Iterator[str]:
    try:
        parse(query, kind)
    except QueryError as error:
        yield f"Invalid query: {location}: {error}"
