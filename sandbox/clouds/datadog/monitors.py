"""Checks of monitors: the parsed query, and the settings that do not fit it."""

import functools
import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedInput

from sandbox.wire.templates import broken_rules

STARTS = {"metric alert": "metric", "query alert": "metric", "service check": "check", "slo alert": "slo"}
"""The kinds of monitors whose queries are known, with the grammar's rule for each."""

MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080, "mo": 44640}

BLOCK = re.compile(r"\{\{\s*([#^/])\s*([^}\s]+)[^}]*\}\}")
"""The begin or end of a part of a message: {{#is_alert}}, {{^is_recovery}}, {{/is_alert}}."""


class Unreadable(ValueError):
    """A query that the grammar does not allow."""


@dataclass(frozen=True)
class Query:
    """The parsed parts of a query."""

    comparator: str = ""
    threshold: float | None = None
    groups: frozenset[str] = frozenset()  # the tags by which it is judged; "*" is any
    last: int = 0  # how many runs of a service check are looked at
    strings: tuple[str, ...] = ()  # an SLO's id and its windows; a check's name and tags
    minutes: tuple[int, ...] = ()  # the windows
    series: tuple[str, ...] = ()  # the metrics


@functools.cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("monitor_query.lark").read_text()
    return Lark(grammar, parser="lalr", start=[*{*STARTS.values()}, "expression", "formula"])


@functools.cache
def _rules() -> Any:
    return tomllib.loads(Path(__file__).with_name("monitors.toml").read_text())


def parse(query: str, kind: str = "metric") -> Query:
    """A query of a kind: metric, check, slo, or expression or formula alone; Unreadable says where."""
    try:
        tree = _parser().parse(query, start=kind)  # pyright: ignore[reportUnknownMemberType]
    except UnexpectedInput as error:
        token = getattr(error, "token", None)
        read = query if token is not None and token.type == "$END" else query[: error.pos_in_stream or 0]
        raise Unreadable(f"unexpected after {read.strip()[-40:]!r}") from error
    found: dict[str, list[str]] = {}
    for token in tree.scan_values(lambda one: isinstance(one, Token)):
        found.setdefault(token.type, []).append(str(token))
    threshold = next(tree.find_data("threshold"), None)
    groups = [name.strip() for text in found.get("GROUPS", ()) for name in text.strip("{} ").split(",")]
    strings = tuple(text[1:-1] for text in found.get("STRING", ()))
    return Query(
        comparator=next(iter(found.get("COMPARATOR", ())), ""),
        threshold=float("".join(map(str, threshold.children))) if threshold else None,
        groups=frozenset(groups),
        last=int(next(iter(found.get("LAST", ())), 0)),
        strings=strings,
        minutes=tuple(_minutes(span) for span in found.get("SPAN", ())),
        series=tuple(found.get("SERIES", ())),
    )


def _minutes(span: str) -> int:
    number, unit = re.fullmatch(r"last_(\d+)(\w+)", span).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return int(number) * MINUTES[unit]


def faults(monitor: Any) -> Iterator[str]:
    """Yield the faults that Datadog's validation finds in a monitor and the model allows."""
    kind, options = monitor["type"], monitor.get("options", {})
    if kind not in STARTS:
        known = ", ".join(sorted(STARTS))
        yield f"the sandbox cannot check a monitor of the type {kind}; it can check {known}"
        return
    try:
        query = parse(monitor["query"], STARTS[kind])
    except Unreadable as error:
        yield f"The value provided for parameter 'query' is invalid: {error}"
        return
    said = asdict(query) | {"groups": [*query.groups], "minutes": [*query.minutes]}
    said |= {"rises": ">" in query.comparator, "falls": "<" in query.comparator, "series": [*query.series]}
    words = {"type": kind, "options": options, "at": options.get("thresholds") or {}, "query": said}
    yield from (rule["say"] for rule in broken_rules(_rules()["monitor"], words))
    yield from _message(monitor.get("message", ""))


def _message(text: str) -> Iterator[str]:
    """Yield the conditional blocks of a message that do not end in order."""
    begun: list[str] = []
    for sign, name in BLOCK.findall(text):
        if sign != "/":
            begun.append(name)
        elif not begun or begun.pop() != name:
            yield f"message: {{{{/{name}}}}} ends what did not begin"
            return
    if begun:
        yield f"message: {{{{#{begun[-1]}}}}} does not end"


def slo_faults(slo: Any) -> Iterator[str]:
    """Yield the faults that Datadog finds in an objective and the model allows."""
    yield from (rule["say"] for rule in broken_rules(_rules()["slo"], slo))
    for name, query in slo.get("query", {}).items():
        yield from _query_faults(name, query)


def dashboard_faults(dashboard: Any, path: str = "") -> Iterator[str]:
    """Yield the faults that Datadog finds in a dashboard, or in a group of one, and the model allows."""
    for place, widget in enumerate(dashboard.get("widgets", ())):
        shown, at = widget["definition"], f"{path}widgets[{place}].definition"
        yield from dashboard_faults(shown, f"{at}.")
        for request in shown["requests"] if isinstance(shown.get("requests"), list) else ():
            queries = [one for one in request.get("queries", ()) if one["data_source"] == "metrics"]
            for query in (*filter(None, [request.get("q")]), *(one["query"] for one in queries)):
                yield from _query_faults(at, query)
            for one in request.get("formulas", ()):
                yield from _query_faults(at, one["formula"], "formula")


def _query_faults(place: str, query: str, kind: str = "expression") -> Iterator[str]:
    try:
        parse(query, kind)
    except Unreadable as error:
        yield f"Invalid query: {place}: {error}"
