"""The renderings of a report: terminal, Markdown, HTML, JSON. SARIF has a file of its own."""

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from review import drawing, phrases
from review.model import Report

TEMPLATES = Path(__file__).parent / "templates"

LIMIT = 65_000
"""Characters of a comment on a pull request; GitHub allows 65,536."""

ENDING = 1500
"""Characters kept free for saying what was folded."""

OPEN = (
    "Does not evaluate",
    "At risk",
    "Policy: new",
    "Prod weaker than stg",
    "No longer the same in all stacks",
    "Notes",
)
"""Sections of the comment that are shown without a click."""

FOLDED_FIRST = (
    "Drawing",
    "Policy: not known before up",
    "Policy: existing",
    "Policy: fixed",
    "Cost",
    "Changes",
)
FOLDED_LAST = tuple(reversed(OPEN))
"""In which order sections are folded, first to a line an item, then to less."""


def terminal(report: Report, *, colour: bool = False) -> str:
    """Lines, risk first."""
    return _render("terminal.j2", report, colour)


def html(report: Report) -> str:
    """One page that needs nothing else."""
    return _render("page.html", report, False)


def as_json(report: Report) -> str:
    """All of the model; schemas/review-report.schema.json describes it."""
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2) + "\n"


def schema() -> str:
    """The JSON Schema of the report."""
    from pydantic import TypeAdapter

    found: dict[str, Any] = TypeAdapter(Report).json_schema()
    for part in (found, *found["$defs"].values()):
        part["additionalProperties"] = False
        part["required"] = sorted(part["properties"])  # every field is always there
        for each in part["properties"].values():
            each.pop("default", None)
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def markdown(report: Report, limit: int = LIMIT) -> str:
    """A comment of at most `limit` characters: what is least urgent is folded first, nothing is cut."""
    top, *parts = _render("markdown.j2", report, False).split("␝")
    sections = [Section.read(part) for part in parts]

    def text() -> str:
        said = "; ".join(f"{each.title}: {said}" for each in sections if (said := each.said()))
        end = f"\n**Folded to fit into a comment** — {said}. The HTML and JSON reports have all of it.\n"
        return top.rstrip() + "\n" + "".join(each.text() for each in sections) + (end if said else "")

    if len(text()) > limit:
        lengths = {each.title: len(each.text()) for each in sections}
        for titles in (FOLDED_FIRST, FOLDED_LAST):
            for what in ("long", "told"):
                for title in titles:
                    section = next(each for each in sections if each.title == title)
                    _fold(section, what, limit - len(top) - ENDING - sum(lengths.values()) + lengths[title])
                    lengths[title] = len(section.text())
    found = text()
    if len(found) > limit:
        found = f"{top.splitlines()[0]}\n## Review\n\n**Folded to fit into a comment** — everything.\n"
    return found


@dataclasses.dataclass
class Section:
    """A part of the comment: items at length, each with a short form."""

    title: str
    noun: str
    items: list[tuple[str, str]]
    long: int
    """How many items are told at length; the others are a line each."""
    told: int
    """How many are told at all."""

    @staticmethod
    def read(part: str) -> "Section":
        head, *rest = part.split("␞")
        title, _, noun = head.strip().partition("␟")
        items = [(full.strip(), line.strip()) for full, _, line in (each.partition("␟") for each in rest)]
        return Section(title, noun.strip(), items, len(items), len(items))

    def text(self) -> str:
        if not self.items:
            return ""
        body = "\n".join(
            full if index < self.long else line for index, (full, line) in enumerate(self.items[: self.told])
        )
        head = f"{self.title} ({len(self.items)})" if self.title != "Drawing" else self.title
        said = f"\n\n_Folded: {self.said()}._" if self.said() else ""
        if self.title in OPEN:
            return f"\n### {head}\n\n{body}{said}\n"
        return f"\n<details><summary><b>{head}</b></summary>\n\n{body}{said}\n\n</details>\n"

    def said(self) -> str:
        """What is folded."""
        short, gone = self.told - min(self.long, self.told), len(self.items) - self.told
        parts = [f"{short} of {len(self.items)} {self.noun} in a line each"] if short else []
        return ", ".join(parts + ([f"{gone} of {len(self.items)} {self.noun} left out"] if gone else []))


def _fold(section: Section, what: str, room: int) -> None:
    """Fold items from the last one on, no more than needed to fit into so many characters."""
    low, high = 0, len(section.items)
    if not high or len(section.text()) <= room:
        return
    while high - low > 1:
        middle = (low + high) // 2
        setattr(section, what, middle)
        low, high = (middle, high) if len(section.text()) <= room else (low, middle)
    setattr(section, what, low)


def _render(template: str, report: Report, colour: bool) -> str:
    found = {status: [each for each in report.findings if each.status == status and each.verdict != "unknown"]
             for status in ("new", "fixed", "existing")}  # fmt: skip
    found["unknown"] = [each for each in report.findings if each.verdict == "unknown"]
    sides = [(stack.name, "head", stack.errors) for stack in report.stacks]
    sides += [(stack.name, "base", stack.base_errors) for stack in report.stacks]
    errors = [(name, side, error) for name, side, found_errors in sides for error in found_errors]
    # Replacements that only follow from another are told with it.
    risks = [
        each for each in report.changes if each.risk and (each.risk.stateful or len(each.risk.chain) == 1)
    ]
    return _environment(colour).get_template(template).render(
        report=report, found=found, errors=errors, risks=risks,
        drawing=drawing.draw(report, drawing.PAGE if template == "page.html" else drawing.COMMENT),
    )  # fmt: skip


@cache
def _environment(colour: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(phrases.filters(colour))
    return environment
