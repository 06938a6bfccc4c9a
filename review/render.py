"""The renderings of a report: terminal, Markdown, HTML, JSON. SARIF has a file of its own."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2

from review import phrases
from review.masks import each_text
from review.model import OWN, Report, title
from review.policies import RULES

LIMIT = 65_000  # characters of a comment on a pull request; GitHub allows 65,536
ENDING = 1200  # characters kept free for saying what was folded
FOLDED = "**Folded to fit into a comment**"
# Sections of findings: those that are shown without a click, before the changes; and those after them.
FRESH = ("Policy: new or no longer waived", "Policy: newly waived")
FIRST = tuple(dict.fromkeys(["Does not evaluate", "At risk", *FRESH, *OWN.values()]))
LAST = ("Policy: fixed", "Policy: existing", "Policy: not known before up")
OPEN = ("Verdict", "Notes", *FIRST)
KEPT = (OPEN, ("Changes", "Cost", *LAST, "Drawing"))  # the last ones of the comment to be folded come first
DRAWN, COMMENT = 300, 40  # changed resources that are drawn, the first ones, on the page and in the comment


def terminal(report: Report) -> str:
    """Lines, risk first."""
    return _render("terminal.j2", report)


def html(report: Report) -> str:
    """One page that needs nothing else."""
    return _render("page.html", report, DRAWN)


def as_json(report: Report) -> str:
    """All of the model; schemas/review-report.schema.json describes it."""
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2) + "\n"


def sarif(report: Report) -> str:
    """SARIF 2.1.0, for code scanning: findings at the lines that declare, compose and set."""
    return json.dumps(json.loads(_render("sarif.j2", report)), ensure_ascii=False, indent=2) + "\n"


def verdict(report: Report, but: list[str]) -> str:
    """How it went, in a line; `but` is what else people have to know."""
    return _render("verdict.j2", report, but=but).strip()


class Section:
    """A part of the comment: items, each as nothing, as a line and at length; `forms` says which of these."""

    def __init__(self, part: str) -> None:
        head, *rest = (each.partition("␟") for each in part.split("␞"))
        self.title, self.noun = head[0].strip(), head[2].strip()
        self.items = [("", line.strip("\n"), full.strip("\n")) for full, _, line in rest]
        self.forms = [2] * len(rest)

    def told(self) -> Iterator[str]:
        return (item[form] for item, form in zip(self.items, self.forms, strict=True))

    def folded(self) -> str:
        """What is folded, in words."""
        counts = ((self.forms.count(1), "in a line each"), (self.forms.count(0), "left out"))
        return ", ".join(f"{count} of {len(self.items)} {self.noun} {how}" for count, how in counts if count)

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
    about: dict[str, Any] = {
        "top": top.rstrip(),
        "sections": [*sections.values()],
        "open": OPEN,
        "mark": FOLDED,
    }
    if len(text := _render("comment.j2", report, **about)) > limit:
        for each in sections.values():
            each.forms = [0] * len(each.items)
        room = limit - len(_render("comment.j2", report, **about)) - ENDING
        for name, form in ((name, form) for names in KEPT for form in (1, 2) for name in names):
            room = sections[name].unfold(form, room)
        text = _render("comment.j2", report, **about)
    return text if len(text) <= limit else f"{top.splitlines()[0]}\n## Review\n\n{FOLDED} — everything.\n"


FILES: dict[str, Callable[[Report], str]] = {
    "review.md": markdown,
    "review.html": html,
    "review.sarif": sarif,
    "review.json": as_json,
}


def write(report: Report, folder: Path | None) -> None:
    """Print the terminal's form, and write the others, a file each, if there is a folder for them."""
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for name, form in FILES.items():
            (folder / name).write_text(form(report), encoding="utf-8")
    print(terminal(report), end="", flush=True)


def tell(text: str) -> None:
    """Say something to whoever waits for the report."""
    print(phrases.visible(text), file=sys.stderr, flush=True)


def _render(name: str, report: Report, drawn: int = 0, **more: Any) -> str:
    report = each_text(report, phrases.visible)
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
    made.filters.update(phrases.FILTERS)
    more |= {"report": report, "first": FIRST, "last": LAST, "nodes": nodes, "rules": RULES}
    return made.get_template(name).render(more)
