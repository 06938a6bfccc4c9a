"""Renderings of a report for the terminal and as Markdown, HTML, SARIF and JSON."""

import dataclasses
import json
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import jinja2

from review.model import SECTIONS, Change, Report, list_first, short, shorten, title
from review.plain_data import map_texts
from review.policy_rules import POLICY_RULES
from review.render import filters, overview
from review.render.filters import show_unseen
from sandbox import terminal
from sandbox.progress import Progress, one_line

LIMIT = 64_000
"""Largest number of characters in a comment. GitHub accepts 65,536; publication adds a heading and characters
that prevent mentions.
"""

FOLDED_SUMMARY = 1200
"""Number of characters that are reserved for the summary of folded parts."""

FOLDED_MARK = "**Folded to fit into a comment**"

NEW_POLICY_FINDINGS = ("Policy: new or no longer waived", "Policy: newly waived")

BEFORE_CHANGES = tuple(
    dict.fromkeys(["Does not evaluate", "At risk", *NEW_POLICY_FINDINGS, *SECTIONS.values()])
)
"""Sections of findings before the changes; these sections are open."""

AFTER_CHANGES = ("Policy: fixed", "Policy: existing", "Policy: not known before up")
"""Sections of findings after the changes; these sections are closed."""

OPEN_SECTIONS = ("Verdict", "Notes", "Settings", *BEFORE_CHANGES)

UNFOLDING_ORDER = (OPEN_SECTIONS, ("Changes", "Cost", *AFTER_CHANGES, "Drawing"))
"""Sections of a comment, in the order in which they are unfolded while there is room."""

DRAWN_ON_PAGE, DRAWN_IN_COMMENT = 300, 40
"""Largest number of changed resources in a drawing."""

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}

FILTERS: dict[str, Any] = {
    "code_block": filters.code_block,
    "code_span": filters.code_span,
    "escape_markdown": filters.escape_markdown,
    "fingerprint": filters.fingerprint,
    "component_anchor": overview.anchor,
    "estimate": filters.estimate,
    "group_by": filters.group_by,
    "list_first": list_first,
    "location_list": filters.location_list,
    "mermaid_label": filters.mermaid_label,
    "month": filters.month,
    "policy_address": filters.policy_address,
    "quote": quote,
    "riskiest": filters.riskiest,
    "short": short,
    "shorten": shorten,
    "sign": SIGNS.get,
    "stack_table": filters.stack_table,
    "title": title,
}


@cache
def _environment(html: bool, coloured: bool) -> jinja2.Environment:
    """Return the templates with their filters, cached so that each template is compiled once.

    `coloured` is true if standard output is a terminal with colours. Compiled templates contain the colours
    of their constant strings.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    paint: Any = Progress().paint
    environment.filters.update(FILTERS, paint=paint)
    return environment


def _render(name: str, report: Report, drawn: int = 0, **values: Any) -> str:
    """Render a template; a drawing in it shows the first `drawn` changes."""
    report = _clean(report)
    environment = _environment(name.endswith(".html"), terminal.uses_colour(sys.stdout))
    values |= {
        "report": report,
        "before_changes": BEFORE_CHANGES,
        "after_changes": AFTER_CHANGES,
        "nodes": _nodes(report.changes[:drawn]),
        "overview": overview.draw(report.changes),
        "policy_rules": POLICY_RULES,
    }
    return environment.get_template(name).render(values)


MULTILINE = {"after", "before", "message", "remediation", "waiver"}
"""Names of the fields whose values may have several lines."""


def _clean(value: Any, name: str = "") -> Any:
    """Return a part of a report with visible characters only, and without line breaks in names."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{key: _clean(item, key) for key, item in vars(value).items()})
    if isinstance(value, list):
        return [_clean(item, name) for item in cast(list[Any], value)]
    text: Any = map_texts(value, show_unseen)
    return one_line(text) if isinstance(text, str) and name not in MULTILINE else text


def _nodes(changes: list[Change]) -> list[dict[str, Any]]:
    """Return the nodes of a drawing; `sources` contains the keys of the nodes on which a change depends."""
    return [
        {"key": f"n{index}", "change": change, "sources": _sources(change, changes)}
        for index, change in enumerate(changes)
    ]


def _sources(change: Change, changes: list[Change]) -> list[str]:
    """Return the keys of the changes on which a change depends in one of its stacks."""
    return [
        f"n{index}"
        for index, other in enumerate(changes)
        if title(other) in change.upstream
        and title(other) != title(change)
        and not {*change.stacks}.isdisjoint(other.stacks)
    ]


def render_terminal(report: Report) -> str:
    """Return the report for a terminal or a log, in which no line is a workflow command."""
    return filters.neutralize_commands(_render("terminal.j2", report))


render_html = partial(_render, "page.html", drawn=DRAWN_ON_PAGE)
render_sarif = partial(_render, "sarif.j2")
render_verdict = partial(_render, "verdict.j2")


def render_json(report: Report) -> str:
    """Return the whole report as JSON; schemas/review-report.schema.json describes it."""
    return json.dumps(dataclasses.asdict(report), ensure_ascii=False, indent=2) + "\n"


OMITTED, ONE_LINE, FULL = 0, 1, 2
"""Forms of an item in a section of a comment."""


class Section:
    """A section of the comment. `forms` contains, for each item of the section, the form that is shown."""

    def __init__(self, part: str) -> None:
        heading, *items = (text.partition("␟") for text in part.split("␞"))
        self.title, self.noun = heading[0].strip(), heading[2].strip()
        self.items = [("", line.strip("\n"), full.strip("\n")) for full, _, line in items]
        self.forms = [FULL] * len(items)

    def unfold(self, form: int, room: int) -> int:
        """Show the items in this form for which there is room, the first ones first; return the rest."""
        for index, item in enumerate(self.items):
            added = len(item[form]) + 1 - len(item[self.forms[index]])
            if added > room:
                continue
            self.forms[index] = form
            room -= added
        return room


def parse_sections(rendered: str) -> list[Section]:
    """Split the rendered template markdown.j2 into its sections."""
    return [Section(part) for part in rendered.split("␝")[1:]]


def render_markdown(report: Report, limit: int = LIMIT) -> str:
    """Return a comment of at most `limit` characters, with the least urgent items folded if necessary."""
    rendered = render_sections(report)
    top = rendered.partition("␝")[0].rstrip()
    sections = {section.title: section for section in parse_sections(rendered)}
    comment = partial(
        _render,
        "comment.j2",
        report,
        top=top,
        sections=[*sections.values()],
        open_sections=OPEN_SECTIONS,
        folded_mark=FOLDED_MARK,
    )
    text = comment()
    if len(text) > limit:
        for section in sections.values():
            section.forms = [OMITTED] * len(section.items)
        room = limit - len(comment()) - FOLDED_SUMMARY
        for titles in UNFOLDING_ORDER:
            for form in (ONE_LINE, FULL):
                for section_title in titles:
                    room = sections[section_title].unfold(form, room)
        text = comment()
    if len(text) > limit:
        mark = top.splitlines()[0]
        return f"{mark}\n## Review\n\n{FOLDED_MARK}. The HTML and JSON reports contain all of it.\n"
    return text


def render_sections(report: Report) -> str:
    """Render the sections of the comment, with the full and the short form of each item."""
    return _render("markdown.j2", report, DRAWN_IN_COMMENT)


FILES = {
    "review.md": render_markdown,
    "review.html": render_html,
    "review.sarif": render_sarif,
    "review.json": render_json,
}


def print_message(text: str) -> None:
    """Print a message to standard error, unless it is empty; standard output contains only the report."""
    if text:
        print(filters.neutralize_commands(show_unseen(text)), file=sys.stderr, flush=True)
