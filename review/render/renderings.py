"""Renderings of a report for the terminal and as Markdown, HTML, SARIF and JSON."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import jinja2

from review.model import (
    OWN_POLICIES,
    SECTIONS,
    Change,
    Report,
    distinct_name,
    list_first,
    shorten,
    show_spaces,
    title,
    type_name,
)
from review.plain_data import map_texts
from review.policy_rules import POLICY_RULES
from review.render import filters, overview
from review.render.filters import show_unseen, show_value
from sandbox import terminal
from sandbox.progress import Progress, one_line

LIMIT = 64_000
"""Largest number of characters in a comment. GitHub accepts 65,536; publication adds a heading and characters
that prevent mentions.
"""

MOST_LINES = 10**6
"""Largest number of a line in SARIF. With a larger one, tools/comment.py publishes no result at all."""

FOLDED_SUMMARY = 2500
"""Number of characters that are reserved for the summary of folded parts."""

FOLDED_MARK = "**Folded to fit into a comment**"

NEW_POLICY_FINDINGS = ("Policy: new or no longer waived", "Policy: newly waived")

BEFORE_CHANGES = tuple(
    dict.fromkeys(["Does not evaluate", "At risk", *NEW_POLICY_FINDINGS, *SECTIONS.values()])
)
"""Sections of findings before the changes; these sections are open."""

AFTER_CHANGES = ("Policy: fixed", "Policy: existing", "Policy: not known before up")
"""Sections of findings after the changes; these sections are closed."""

OPEN_SECTIONS = ("Verdict", "Notes", "Settings", *BEFORE_CHANGES, OWN_POLICIES)

URGENT_SECTIONS = (BEFORE_CHANGES, ("Changes",), OPEN_SECTIONS)
"""Sections of a comment, in the order in which each may take half of the room that is left.

So a program cannot displace its changes with findings that do not block, notes or settings, nor with
findings of the pull request's own policies.
"""

UNFOLDING_ORDER = (*URGENT_SECTIONS, ("Cost", *AFTER_CHANGES, "Drawing"))
"""Sections of a comment, in the order in which they are unfolded while there is still room."""

DRAWN_ON_PAGE, DRAWN_IN_COMMENT = 300, 40
"""Largest number of changed resources in a drawing."""

SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-"}

FILTERS: dict[str, Any] = {
    "clip": filters.clip,
    "code_block": filters.code_block,
    "code_span": filters.code_span,
    "escape_markdown": filters.escape_markdown,
    "distinct_name": distinct_name,
    "fingerprint": filters.fingerprint,
    "component_anchor": overview.anchor,
    "estimate": filters.estimate,
    "group_by": filters.group_by,
    "remedies": filters.remedies,
    "linked_address": filters.linked_address,
    "list_first": list_first,
    "location_list": filters.location_list,
    "mermaid_label": filters.mermaid_label,
    "minimum": filters.minimum,
    "month": filters.month,
    "page_value": filters.page_value,
    "policy_address": filters.policy_address,
    "quote": quote,
    "quote_path": filters.quote_path,
    "riskiest": filters.riskiest,
    "sarif_text": filters.sarif_text,
    "without_invented": filters.without_invented,
    "shorten": shorten,
    "sign": SIGNS.get,
    "source_list": filters.source_list,
    "stack_table": filters.stack_table,
    "title": title,
    "type_name": type_name,
    "urgent_first": filters.urgent_first,
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
    nodes = _nodes(report.changes[:drawn])
    diagram = overview.draw(report.changes)
    for component in diagram.components:
        component.name = _clean(component.name)
    report = _clean(report)
    environment = _environment(name.endswith(".html"), terminal.uses_colour(sys.stdout))
    values |= {
        "report": report,
        "before_changes": (*BEFORE_CHANGES, OWN_POLICIES),
        "after_changes": AFTER_CHANGES,
        "nodes": [node | {"change": _clean(node["change"])} for node in nodes],
        "overview": diagram,
        "policy_rules": POLICY_RULES,
        "most_lines": MOST_LINES,
    }
    return environment.get_template(name).render(values)


VALUES = {"after", "before"}
"""Names of the fields with values, which may have several lines. The templates shorten them."""

MESSAGES = {"message", "remediation", "waiver"}
"""Names of the fields with messages, which may have several lines."""

PATHS = {"key", "path"}
"""Names of the fields with paths, in which keys may have spaces and tabs."""

LONG_LINES = {"assumes", "basis", "notes", "sources"}
"""Names of the fields with sentences, or the arguments of look-ups, on one line."""

WHOLE = {"file", "prices", "trees", "upstream", "url", "verdict"}
"""Names of the fields that are not shortened: parts of addresses, and what consists of shortened names."""


def _clean(value: Any, name: str = "") -> Any:
    """Return a part of a report with visible characters only, and without line breaks in names.

    Names, types, paths and lines of messages are shortened, so that a long one displaces nothing else.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{key: _clean(item, key) for key, item in vars(value).items()})
    if isinstance(value, list):
        return [_clean(item, name) for item in cast(list[Any], value)]
    text: Any = map_texts(value, show_value if name in VALUES else show_unseen)
    if not isinstance(text, str) or name in VALUES:
        return text
    if name in MESSAGES:
        return filters.clip_lines(text)
    text = show_spaces(text) if name in PATHS else one_line(text)
    return text if name in WHOLE else filters.clip(text, filters.LINE if name in LONG_LINES else filters.NAME)


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


URGENT = "␜"
"""Separator at the start of an urgent part."""

OMITTED, ONE_LINE, PARTIAL, FULL = range(4)
"""Forms of an item in a section of a comment. The partial form has the first parts of the full form."""

FEW_PARTS = 5
"""Number of parts up to which an item has no partial form."""

FIRST_PARTS = 20
"""Number of parts of an item that are shown before any other item shows more of them."""


class Item:
    """An item in a section of the comment; `form` is the form that is shown.

    The full form consists of `first` and `parts`. Items with the same `group` have a common heading.
    """

    def __init__(self, text: str) -> None:
        self.group, blocks, heading, line, first, *parts = text.split("␟")
        self.blocks = bool(blocks)
        self.heading, self.line, self.first = (part.strip("\n") for part in (heading, line, first))
        self.parts = [part.rstrip("\n").removeprefix(URGENT) for part in parts]
        self._urgent = [part.startswith(URGENT) for part in parts]
        self.form, self.shown_parts = FULL, len(self.parts)

    @property
    def text(self) -> str:
        """The text of the item in the form that is shown, without the heading."""
        if self.form in (OMITTED, ONE_LINE):
            return self.line if self.form == ONE_LINE else ""
        return "\n".join([self.first, *self.parts[: self.shown_parts], *self._remark()])

    def _remark(self) -> Iterator[str]:
        """Yield a line about the parts that are left out, if there are any."""
        omitted, urgent = len(self.parts) - self.shown_parts, sum(self._urgent[self.shown_parts :])
        if omitted:
            remark = f" ({urgent} may decide about access, or force the replacement)" if urgent else ""
            yield f"    - and {omitted} more lines{remark}"

    def show(self, form: int, room: int) -> None:
        """Show the item in this form if it fits; a long item in part, in at most half of the room.

        In the partial form, the item gets at most FIRST_PARTS parts. So it may be the full form already.
        """
        before = self.form, self.shown_parts
        most = min(len(self.parts), FIRST_PARTS) if form == PARTIAL else len(self.parts)
        self.form, self.shown_parts = FULL if form == PARTIAL and most == len(self.parts) else form, most
        if len(self.text) <= room:
            return
        if form != ONE_LINE and len(self.parts) > FEW_PARTS:
            self.form, self.shown_parts = PARTIAL, 0
            left = room // 2 - len(self.text)
            for part in self.parts[:most]:
                left -= len(part) + 1
                if left < 0:
                    break
                self.shown_parts += 1
            if self.shown_parts > (before[1] if before[0] == PARTIAL else 0):
                return
        self.form, self.shown_parts = before


class Section:
    """A section of the comment."""

    def __init__(self, part: str) -> None:
        heading, *items = part.split("␞")
        self.title, _, noun = heading.partition("␟")
        self.noun = noun.strip()
        self.items = [Item(item) for item in items]

    @property
    def forms(self) -> list[int]:
        """The form of each item."""
        return [item.form for item in self.items]

    @property
    def texts(self) -> list[str]:
        """The texts that are shown, with a heading before the first shown item of each group."""
        texts: list[str] = []
        group = ""
        for item in self.items:
            if item.form == OMITTED:
                continue
            if item.heading and item.group != group:
                texts.append(item.heading)
            group = item.group
            texts.append(item.text)
        return texts

    def fold(self) -> None:
        """Omit all items."""
        for item in self.items:
            item.form = OMITTED

    def unfold(self, form: int, room: int, only_blocking: bool = False) -> int:
        """Show the items in this form for which there is room, the first ones first; return the rest."""
        headed = {item.group for item in self.items if item.form != OMITTED}
        for item in self.items:
            if item.form >= form or (only_blocking and not item.blocks):
                continue
            heading = 0 if item.group in headed or not item.heading else len(item.heading) + 1
            occupied = len(item.text) + 1 if item.form else 0
            item.show(form, room + occupied - heading - 1)
            if item.form != OMITTED:
                headed.add(item.group)
                room -= len(item.text) + 1 - occupied + heading
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
            section.fold()
        _unfold(sections, limit - len(comment()) - FOLDED_SUMMARY)
        text = comment()
    if len(text) > limit:
        mark = top.splitlines()[0]
        return f"{mark}\n## Review\n\n{FOLDED_MARK}. The HTML and JSON reports contain all of it.\n"
    return text


def _unfold(sections: dict[str, Section], room: int) -> None:
    """Show the items for which there is room, beginning with the findings that block."""
    for form in (ONE_LINE, PARTIAL, FULL):
        for name in BEFORE_CHANGES:
            room = sections[name].unfold(form, room, only_blocking=True)
    for titles, share in (
        *((titles, 2) for titles in URGENT_SECTIONS),
        *((titles, 1) for titles in UNFOLDING_ORDER),
    ):
        kept = room - room // share
        room -= kept
        for form in (ONE_LINE, PARTIAL, FULL):
            for name in titles:
                room = sections[name].unfold(form, room)
        room += kept


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
