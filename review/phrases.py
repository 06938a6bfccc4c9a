"""What the templates can say: filters, the same words in every rendering."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from review.model import COUNTS, Finding, Place, Report, Setting, listed, short, title
from sandbox.progress import Progress

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
LONG = 100  # characters of a value above which only the part is shown in which it differs from the other one
# What splits a Markdown template's output into parts, so it may be in nobody's text.
SEPARATORS = re.compile("[␝␞␟]")


def where(places: Iterable[Place]) -> str:
    old = "of the base"
    return ", ".join(f"{each.file}:{each.line}{f' {old}' if each.what == old else ''}" for each in places)


def origin(setting: Setting | None) -> str:
    return f" ← {setting.key} ({where([setting])}; {setting.by})" if setting else ""


def brief(text: str | None, other: str | None) -> str:
    """A value on one line; of a long one where it begins to differ from the other, and how long it is."""
    if text is None:
        return "(absent)"
    if len(text) > LONG:
        differ = (at for at, (one, two) in enumerate(zip(text, other or "", strict=False)) if one != two)
        start = max(0, next(differ, 0) - LONG // 4)
        part = f"{'… ' if start else ''}{text[start : start + LONG]}{' …' if text[start + LONG :] else ''}"
        text = f"{part} ({len(text):,} characters)"
    return text.replace("\n", " ⏎ ")


def grouped(items: Iterable[Any], *names: str) -> list[list[Any]]:
    """Items that are alike in these attributes, together."""
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(repr(attrgetter(*names)(item)), []).append(item)
    return list(found.values())


def matrix(report: Report) -> list[list[str]]:
    """A head, then a row a stack; what is not known has a question mark."""
    rows = [["stack", *COUNTS, "USD a month"]]
    for each in report.stacks:
        known = [f"{each.cost.difference:+,.2f}"] if each.cost and each.cost.lines else []
        money = known + (["unknown"] if each.cost and each.cost.unknown else [])
        counts = (str(each.counts.get(key, "?")) for key in COUNTS)
        rows.append([each.name, *counts, " + ".join(money) or ("0" if each.counts else "?")])
    return rows


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join((row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:]))) for row in rows]


def costs(report: Report) -> list[str]:
    """Each stack's monthly difference, line by line, and what is unknown of it."""
    known = [(each.name, each.cost) for each in report.stacks if each.cost]
    found = [f"{stack}: {each.resource}, {each.what}: {each.before:,.2f} → {each.after:,.2f} USD a month"
             for stack, cost in known for each in cost.lines]  # fmt: skip
    found += [f"{stack}: unknown: {listed(cost.unknown)}" for stack, cost in known if cost.unknown]
    return [*found, f"prices: {report.prices}"] if found else []


def plain(text: str) -> str:
    """Text that GitHub takes as text: no markup, no HTML, nobody mentioned."""
    text = re.sub(r"([\\`*_\[\]|#~])", r"\\\1", " ".join(SEPARATORS.sub(" ", text).split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")


def code(text: str) -> str:
    """A code span; nothing in it is markup, and no `@` in it calls anybody."""
    text = " ".join(SEPARATORS.sub(" ", text).split())
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{_ticks(text, 1)}{pad}{text}{pad}{_ticks(text, 1)}" if text else ""


def fenced(text: str) -> str:
    text = SEPARATORS.sub(" ", text)
    return "\n".join(f"  {line}" for line in (_ticks(text, 3), *text.splitlines(), _ticks(text, 3)))


def _ticks(text: str, least: int) -> str:
    return "`" * max(least, *(len(run) + 1 for run in re.findall("`+", text)), 0)


def label(text: str) -> str:
    """Text in a Mermaid label, which knows entities by number."""
    return "".join(char if char.isalnum() or char in " .:/_-()+" else f"#{ord(char)};" for char in text)


def mark(found: Finding) -> str:
    """What tells a finding from others, whatever its values and lines are."""
    key = found.policy, found.type, found.name, found.message.partition(" is ")[0], *found.stacks
    return hashlib.sha256(" ".join(key).encode()).hexdigest()[:32]


def filters() -> Mapping[str, Callable[..., Any]]:
    """All of them by name."""
    values = where, origin, brief, grouped, matrix, columns, costs, listed, short, title
    return {each.__name__: each for each in (*values, plain, code, fenced, label, mark)} | {
        "sign": SIGNS.get,
        "quote": quote,
        "paint": Progress().paint,
    }
