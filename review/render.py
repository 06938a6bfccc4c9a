"""The renderings of a report: terminal, Markdown, HTML, JSON. SARIF has a file of its own."""

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from review import phrases
from review.masks import each_text
from review.model import OWN, Report, title
from review.policies import RULES

TEMPLATES = Path(__file__).parent / "templates"
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


def schema() -> str:
    """The JSON Schema of the report, in which every field is always there, and no other."""
    from pydantic import TypeAdapter

    found: dict[str, Any] = TypeAdapter(Report).json_schema(mode="serialization")
    for part in (found, *found["$defs"].values()):
        part |= {"additionalProperties": False, "required": sorted(part["properties"])}
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


@dataclasses.dataclass
class Section:
    """A part of the comment: items, each as nothing, as a line and at length; `forms` says which of these."""

    title: str
    noun: str
    items: list[tuple[str, str, str]]
    forms: list[int]

    @staticmethod
    def read(part: str) -> "Section":
        head, *rest = (each.partition("␟") for each in part.split("␞"))
        items = [("", line.strip("\n"), full.strip("\n")) for full, _, line in rest]
        return Section(head[0].strip(), head[2].strip(), items, [2] * len(items))

    def text(self) -> str:
        if not self.items:
            return ""
        told = (item[form] for item, form in zip(self.items, self.forms, strict=True))
        body = "\n".join(filter(None, told)) + (f"\n\n_Folded: {self.said()}._" if self.said() else "")
        head = self.title if self.title == "Drawing" else f"{self.title} ({len(self.items)})"
        if self.title in OPEN:
            return f"\n### {head}\n\n{body}\n"
        return f"\n<details><summary><b>{head}</b></summary>\n\n{body}\n\n</details>\n"

    def said(self) -> str:
        """What is folded."""
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
    sections = {each.title: each for each in map(Section.read, parts)}

    def whole() -> str:
        said = "; ".join(f"{each.title}: {said}" for each in sections.values() if (said := each.said()))
        end = f"\n{FOLDED} — {said}. The HTML and JSON reports have all of it.\n" if said else ""
        return f"{top.rstrip()}\n{''.join(each.text() for each in sections.values())}{end}"

    if len(text := whole()) > limit:
        for each in sections.values():
            each.forms = [0] * len(each.items)
        room = limit - len(whole()) - ENDING
        for titles, form in ((titles, form) for titles in KEPT for form in (1, 2)):
            for name in titles:
                room = sections[name].unfold(form, room)
        text = whole()
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


def _render(name: str, report: Report, drawn: int = 0) -> str:
    report = each_text(report, phrases.visible)
    changes = report.changes[:drawn]
    titles = [title(each) for each in changes]
    nodes: list[dict[str, Any]] = []  # of the drawing; `sources` are the keys of what a change depends on
    for change in changes:
        found = [at for at, near in enumerate(titles) if near in change.upstream and near != title(change)]
        sources = [f"n{at}" for at in found if {*change.stacks} & {*changes[at].stacks}]
        nodes.append({"key": f"n{len(nodes)}", "change": change, "sources": sources})
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    made.filters.update(phrases.filters())
    return made.get_template(name).render(report=report, first=FIRST, last=LAST, nodes=nodes, rules=RULES)
