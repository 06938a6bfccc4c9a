"""What the templates can say: filters, the same words in every rendering."""

import hashlib
import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from review.model import COUNTS, Place, Report, listed, short, title
from sandbox.progress import Progress

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
OLD, EMPTY = "of the base", "(empty)"
LONG = 100  # characters of a value above which only the part is shown in which it differs from the other one
# What is not seen but tells a terminal what to do or turns text around; what splits Markdown into parts.
UNSEEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|"
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069␝␞␟]"
)


def where(places: Iterable[Place]) -> str:
    return ", ".join(f"{each.file}:{each.line}{f' {OLD}' if each.what == OLD else ''}" for each in places)


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


def visible(text: str) -> str:
    """Text without what is not seen."""
    return UNSEEN.sub("", text)


def plain(text: str) -> str:
    """Text that GitHub takes as text: no markup, no HTML, no list; nobody is mentioned, and nothing linked.

    GitHub looks for mentions and references in what Markdown has made, where no escape is left.
    """
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(text.split()) or EMPTY)
    text = re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([@#]|www(?=\.)|:(?=//))", "\\1\u200b", text, flags=re.IGNORECASE)


def code(text: str) -> str:
    """A code span; nothing in it is markup, and no `@` in it calls anybody."""
    text = " ".join(text.split()) or EMPTY
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{_ticks(text, 1)}{pad}{text}{pad}{_ticks(text, 1)}"


def fenced(text: str) -> str:
    return "\n".join(f"    {line}" for line in (_ticks(text, 3), *text.splitlines(), _ticks(text, 3)))


def _ticks(text: str, least: int) -> str:
    return "`" * max(least, *(len(run) + 1 for run in re.findall("`+", text)), 0)


def label(text: str) -> str:
    """Text in a Mermaid label, which knows entities by number."""
    return "".join(char if char.isalnum() or char in " .:/_-()+" else f"#{ord(char)};" for char in text)


def mark(text: str) -> str:
    """A fingerprint."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


FILTERS: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (where, brief, grouped, matrix, listed, short, title)},
    **{each.__name__: each for each in (plain, code, fenced, label, mark, quote)},
    "sign": SIGNS.get,
    "paint": Progress().paint,
}
