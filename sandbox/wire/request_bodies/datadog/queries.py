"""A parser of the queries and formulas in monitors, SLOs and dashboards."""

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lark import Lark, Token
from lark.exceptions import UnexpectedInput

GRAMMAR_RULES = {
    "metric alert": "metric",
    "query alert": "metric",
    "service check": "check",
    "slo alert": "slo",
}
"""The rule of monitor_query.lark for the queries of each monitor type; other types are refused."""

MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10080, "mo": 44640}
"""The length of each unit of an evaluation window, in minutes."""


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


def query_faults(location: str, query: str, kind: str = "expression") -> Iterator[str]:
    """Yield a fault if the query of a body's part is invalid; `kind` is as in `parse`."""
    try:
        parse(query, kind)
    except QueryError as error:
        yield f"Invalid query: {location}: {error}"
