"""The renderings of a report: terminal, Markdown, HTML, SARIF, JSON; and the filters of their templates."""

import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from policies.engine.pack import ALL
from review.model import COUNTS, OWN, Place, Report, listed, short, title
from review.plain_data import each_text
from sandbox.progress import Progress

RULES = {rule.name: rule for rule in ALL}
LIMIT = 64_000  # characters of a comment: GitHub takes 65,536; posting adds a heading, and mutes names
ENDING = 1200  # characters kept free for saying what was folded
FOLDED = "**Folded to fit into a comment**"
# Sections of findings: those that are shown without a click, before the changes; and those after them.
FRESH = ("Policy: new or no longer waived", "Policy: newly waived")
FIRST = tuple(dict.fromkeys(["Does not evaluate", "At risk", *FRESH, *OWN.values()]))
LAST = ("Policy: fixed", "Policy: existing", "Policy: not known before up")
OPEN = ("Verdict", "Notes", *FIRST)
KEPT = (OPEN, ("Changes", "Cost", *LAST, "Drawing"))  # the last ones of the comment to be folded come first
DRAWN, COMMENT = 300, 40  # changed resources that are drawn, the first ones, on the page and in the comment
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
OLD, EMPTY = "of the base", "(empty)"
LONG = 100  # characters of a value above which only the part is shown in which it differs from the other one
# What is not seen but tells a terminal what to do or turns text around; what splits Markdown into parts.
UNSEEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|"
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069␝␞␟]"
)


visible = partial(UNSEEN.sub, "")


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
        money = [f"{each.difference:+,.2f}"] * bool(each.costs) + ["unknown"] * bool(each.unpriced)
        counts = (str(each.counts.get(key, "?")) for key in COUNTS)
        rows.append([each.name, *counts, " + ".join(money) or ("0" if each.counts else "?")])
    return rows


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
    return hashlib.sha256(text.encode()).hexdigest()[:32]


SAYING = (where, brief, grouped, matrix, listed, short, title, plain, code, fenced, label, mark, quote)


def _render(name: str, report: Report, drawn: int = 0, **more: Any) -> str:
    report = each_text(report, visible)
    titles = [title(each) for each in report.changes[:drawn]]
    nodes: list[dict[str, Any]] = []  # of the drawing; `sources` are the keys of what a change depends on
    for one, change in zip(titles, report.changes, strict=False):
        found = (at for at, near in enumerate(titles) if near in change.upstream and near != one)
        sources = [f"n{at}" for at in found if {*change.stacks} & {*report.changes[at].stacks}]
        nodes.append({"key": f"n{len(nodes)}", "change": change, "sources": sources})
    folder = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    made = jinja2.Environment(
        loader=folder, autoescape=name.endswith(".html"), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    filters: dict[str, Any] = {each.__name__: each for each in SAYING}
    filters |= {"sign": SIGNS.get, "paint": Progress().paint}
    made.filters.update(filters)
    more |= {"report": report, "first": FIRST, "last": LAST, "nodes": nodes, "rules": RULES}
    return made.get_template(name).render(more)


terminal = partial(_render, "terminal.j2")
html = partial(_render, "page.html", drawn=DRAWN)
sarif = partial(_render, "sarif.j2")
verdict = partial(_render, "verdict.j2")  # in a line


def as_json(report: Report) -> str:
    """All of the model; schemas/review-report.schema.json describes it."""
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2) + "\n"


class Section:
    """A part of the comment: items, each as nothing, as a line and at length; `forms` says which of these."""

    def __init__(self, part: str) -> None:
        head, *rest = (each.partition("␟") for each in part.split("␞"))
        self.title, self.noun = head[0].strip(), head[2].strip()
        self.items = [("", line.strip("\n"), full.strip("\n")) for full, _, line in rest]
        self.forms = [2] * len(rest)

    def unfold(self, form: int, room: int) -> int:
        """Tell items in this form, from the first on, while there is room; the characters left."""
        for index, item in enumerate(self.items):
            more = len(item[form]) + 1 - len(item[self.forms[index]])
            if more > room:
                break
            self.forms[index], room = form, room - more
        return room


def markdown(report: Report, limit: int = LIMIT) -> str:
    """A comment of at most `limit` characters: what is least urgent is folded first, nothing is cut."""
    top, *parts = _render("markdown.j2", report, COMMENT).split("␝")
    sections = {each.title: each for each in map(Section, parts)}
    about = {"top": top.rstrip(), "sections": [*sections.values()], "open": OPEN, "mark": FOLDED}
    comment = partial(_render, "comment.j2", report, **about)
    if len(text := comment()) > limit:
        for each in sections.values():
            each.forms = [0] * len(each.items)
        room = limit - len(comment()) - ENDING
        for name, form in ((name, form) for names in KEPT for form in (1, 2) for name in names):
            room = sections[name].unfold(form, room)
        text = comment()
    return text if len(text) <= limit else f"{top.splitlines()[0]}\n## Review\n\n{FOLDED} — everything.\n"


FILES = {"review.md": markdown, "review.html": html, "review.sarif": sarif, "review.json": as_json}


def tell(text: str) -> None:
    """Print something for whoever waits for the report, if there is something."""
    if text:
        print(visible(text), file=sys.stderr, flush=True)
