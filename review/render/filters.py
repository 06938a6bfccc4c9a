"""Filters for the templates: escaping for Markdown, code and labels, and grouping of items."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from review.model import (
    ABSENT,
    COUNTS,
    NEW,
    OF_THE_BASE,
    SECTIONS,
    SIGNS,
    VIOLATION,
    Finding,
    Property,
    Report,
    SourceLocation,
    StackCosts,
    escape_character,
    list_first,
    show_lines,
)
from review.render.lookalikes import depends_on_word, find_lookalikes, is_lookalike

EMPTY = "(empty)"

NAME, LINE, LINES = 200, 600, 40
"""Largest numbers of characters in a name and in a line of a message, and of lines in a message."""

SARIF_TEXT = 2000
"""Largest number of characters in a text of SARIF."""

SHOWN_SOURCES = 40
"""Largest number of sources of a value that the terminal and the comment name."""

FEW_PROPERTIES = 20
"""Number of properties of a change up to which they keep their order, since all of them are seen at once."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\U0001d159")
"""Letters and signs that Python counts as printable, although nothing is seen of them: with the property
Default_Ignorable_Code_Point (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt), and
blank or filling ones.
"""

SEPARATORS = frozenset("␜␝␞␟")
"""Characters that separate sections and items in the template of the comment."""

HIDDEN = BLANK | SEPARATORS

INVENTED_PART = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{8,}|[0-9A-F]{8,}"
    r"|2[45]\d(?:\.\d{1,3}){3}|172(?:\.\d{1,3}){3}"
)
"""Pattern of the IDs, account numbers and addresses that a review invents (sandbox/providers)."""

ESCAPE = re.compile(r"\\(?=\u200b*(x[0-7][0-9a-f]|u(?!00[0-7])[0-9a-f]{4}|U00(?:0[1-9a-f]|10)[0-9a-f]{4}))")
"""Pattern of the backslash of an escape that `escape_character` may write, too."""

FROM_RIGHT_TO_LEFT = ("R", "AL", "AN")
"""Bidirectional classes of letters and numbers that are written from right to left."""


def show_unseen(text: str) -> str:
    """Return a text with an escape in place of each invisible character, except line breaks and tabs.

    Characters that can be mistaken for ASCII are replaced as well (`review.render.lookalikes`).

    Such characters control a terminal, reverse text, or hide a difference. Without them, an author could also
    choose what is left out. Letters that are written from right to left reverse what follows them, such as a
    number, an arrow and a number (https://unicode.org/reports/tr9). The separators of the comment's parts are
    replaced as well.
    """
    if text.isascii() and text.isprintable():
        return text
    mistaken = find_lookalikes(text)
    return "".join(
        char if _is_seen(char) and place not in mistaken else escape_character(char)
        for place, char in enumerate(text)
    )


def show_value(text: str) -> str:
    """Return a value like `show_unseen`, with a mark at the program's own text that looks like an escape."""
    return show_unseen(ESCAPE.sub(_mark_escape, text))


def _mark_escape(escape: re.Match[str]) -> str:
    """Return the backslash of an escape, with an invisible character if a report shows its character so."""
    char = chr(int(escape[1][1:], 16))
    is_shown = ord(char) not in SIGNS and _is_seen(char) and not depends_on_word(char)
    return escape[0] if is_shown else f"{escape[0]}\u200b"


def _is_seen(char: str) -> bool:
    is_printed = char.isprintable() and char not in HIDDEN and not is_lookalike(char)
    return char in "\n\t" or (is_printed and unicodedata.bidirectional(char) not in FROM_RIGHT_TO_LEFT)


def clip(text: str, most: int = NAME) -> str:
    """Return the start and the end of a long text, its length and a hash, by which two long names differ."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end]} … {text[-end:]} ({len(text):,} characters, {fingerprint(text)[:20]})"


def clip_lines(text: str) -> str:
    """Return a message with its first and last lines, each of them shortened.

    The first lines of an engine's error name the reason, and so do the last ones of Python. A long list of
    names is broken into several lines instead, if the message then is short enough.
    """
    lines = text.split("\n")
    broken = [part for line in lines for part in _break_line(line)]
    if len(broken) <= LINES:
        lines = broken
    if len(lines) > LINES:
        end = LINES // 2
        lines = [*lines[:end], f"… {len(lines) - 2 * end:,} more lines …", *lines[-end:]]
    return "\n".join(clip(line, LINE) for line in lines)


def _break_line(line: str) -> Iterator[str]:
    """Yield a line in parts that end with a comma, as long as they may be; an ellipsis begins the others."""
    part, end = "", ""
    for name in re.split(r"(?<=,) ", line):
        if part and len(part) + 1 + len(name) > LINE:
            yield part
            part, end = f"… {name}", ""
        else:
            part, end = f"{part}{end}{name}", " "
    yield part


def page_value(text: str | None) -> str:
    """Return a value for the page: whole, with the signs of the other formats and in its own lines."""
    return ABSENT if text is None else show_lines(text) or EMPTY


def urgent_first(properties: Iterable[Property]) -> list[Property]:
    """Return the properties of a change; of many, those that force its replacement or decide on access first.

    A comment without room for all of them leaves out the last ones.
    """
    listed = [*properties]
    if len(listed) > FEW_PROPERTIES:
        listed.sort(key=lambda item: (not item.forces, not item.always_shown))
    return listed


def source_list(sources: Sequence[str]) -> str:
    """Return the names of a value's sources on one line."""
    return list_first(sources, SHOWN_SOURCES)


COMMAND = re.compile(r"^([^\S\n]*+:)(?=:)|(##)(?=\[)", re.MULTILINE)
"""Pattern of the starts of workflow commands: `::` at the start of a line, and `##[` anywhere
(github.com/actions/runner, src/Runner.Common/ActionCommand.cs: TryParseV2 and TryParse).
"""


def neutralize_commands(text: str) -> str:
    """Return a text for a log in which no line is a workflow command, by spaces without width."""
    return COMMAND.sub(lambda match: f"{match[0]}\u200b", text)


def location_list(locations: Iterable[SourceLocation]) -> str:
    """Return locations as `file:line`, with a remark for lines of the base."""
    return ", ".join(
        f"{clip(location.file)}:{location.line}{f' {OF_THE_BASE}' if location.role == OF_THE_BASE else ''}"
        for location in locations
    )


def remedies(findings: Iterable[Finding]) -> list[str]:
    """Return the different remedies of findings, in their order; a waiver takes the place of a remedy."""
    texts = (
        finding.waiver
        or (finding.remediation if finding.status == NEW and finding.verdict == VIOLATION else "")
        for finding in findings
    )
    return list(dict.fromkeys(filter(None, texts)))


def group_by(items: Iterable[Any], *names: str) -> list[list[Any]]:
    """Return the items in groups with equal values of the named attributes."""
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(repr(attrgetter(*names)(item)), []).append(item)
    return list(groups.values())


def stack_table(report: Report) -> list[list[str]]:
    """Return the table of stacks: a heading, then one row per stack with `?` for unknown values."""
    rows = [["stack", *COUNTS, "USD a month"]]
    for stack in report.stacks:
        counts = [str(stack.counts.get(key, "?")) for key in COUNTS]
        rows.append([stack.name, *counts, estimate(stack.costs)])
    return rows


def month(value: float | None) -> str:
    """Return US dollars with two decimals, or `unknown`."""
    return "unknown" if value is None else f"{value:,.2f}"


def minimum(value: float | None, is_minimum: bool) -> str:
    """Return US dollars like `month`, with a sign if the bill is at least as high."""
    return f"≥ {month(value)}" if is_minimum else month(value)


def estimate(costs: StackCosts) -> str:
    """Return the estimate of the head with its change, such as `753.69 (+36.74)`; `?` if it is unknown.

    If the change is unknown although both sides were evaluated, a part has no price: `≥ 717.19 (unknown)`.
    """
    if costs.after is None:
        return "?"
    text = minimum(costs.after, costs.is_after_minimum)
    if costs.difference is None:
        return f"{text} (unknown)" if costs.is_evaluated else text
    return f"{text} ({costs.difference:+,.2f})" if costs.difference else text


def riskiest(report: Report) -> Finding | None:
    """Return the finding that a reviewer has to see first: one that blocks, with the most dependents.

    Those of the pull request's own policies come last.
    """
    at_risk = [item for item in report.findings if item.blocks or (item.dependents and item.status == NEW)]
    return max(at_risk, key=lambda item: (not item.from_head, item.blocks, *_danger(item)), default=None)


def _danger(finding: Finding) -> tuple[bool, bool, int]:
    stateful = finding.policy.startswith("stateful-")
    return finding.policy == "does-not-evaluate", stateful, len(finding.dependents)


def policy_address(finding: Finding, trees: Sequence[str]) -> str:
    """Return the address of a policy's page, or an empty string if there is none.

    With the addresses of the files of the head and the base, it is the rule's page in docs/policies. Only a
    rule that the base lacks has its page in the head. Else it is the page of the rule's source.
    """
    if trees and finding.policy in SECTIONS:
        return f"{trees[1]}/docs/review/findings.md#{finding.policy}"
    if trees:
        tree = trees[0 if finding.from_head else 1]
        return f"{tree}/docs/policies/{quote(finding.policy, safe='')}.md"
    return finding.url if finding.url.startswith("https://") else ""


def escape_markdown(text: str) -> str:
    """Return Markdown that GitHub shows literally: without markup, HTML, formulas, lists, mentions and links.

    GitHub looks for mentions and references (`#1`, `GH-1`) in the rendered HTML, which has no escapes. A
    zero-width space after `@`, `#` or `GH` prevents them, and one after `:` prevents emoji (`:tada:`). Other
    letters than those of ASCII are no part of a word for GitHub, whose filters are in Ruby (MENTION).
    """
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(text.split()) or EMPTY)
    text = re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(
        r"([@#]|(?a:(?<![0-9A-Za-z])GH(?=-\d))|www(?=\.)|:(?=//|[\w+\\-]+:))",
        "\\1\u200b",
        text,
        flags=re.IGNORECASE,
    )
    return text.replace("$", "&#36;")


MENTION = re.compile(
    r"(?<![0-9A-Za-z])(?:@(?=[0-9A-Za-z])|GH(?=-[0-9]))|#(?=[0-9])|&#(?=x0*(?:23|40);)|&(?=(?:num|commat);)",
    re.ASCII | re.IGNORECASE,  # Without ASCII, `[A-Za-z]` matches `ſ` and the Kelvin sign.
)
"""Pattern of the characters in code after which `tools.comment` would add a space without width.

All classes are those of ASCII, as in GitHub's filters: a mention or a reference follows the start of the text
or a `\\W` (github.com/gjtorikian/html-pipeline, lib/github/html/issue_mention_filter.rb: `(gh-|#)(\\d+)` in
any case, and mention_filter.rb). In Ruby, `\\W` is each character but `[a-zA-Z0-9_]`
(https://docs.ruby-lang.org/en/3.4/Regexp.html, Shorthand Character Classes).
"""


def quote_path(path: str) -> str:
    """Return a path for the address of a link, with an escape in what `tools.comment` would make a `GH-1`."""
    return re.sub(r"G(?=H-\d)", lambda letter: f"%{ord(letter[0]):02X}", quote(path), flags=re.IGNORECASE)


LONGEST_RUN = 20
"""Largest number of backticks in a row that code shows.

GitHub's parser reads no code span whose fence is longer than 80, and counts the fence of a block up to 255
(github.com/github/cmark-gfm, src/inlines.c: MAXBACKTICKS, src/blocks.c: fence_length).
"""


def _neutralize_code(text: str) -> str:
    """Return code without effective mentions, and with spaces without width in long runs of backticks.

    The code is what the comment's publication would make of it, so that its length is known before.
    """
    text = re.sub(f"`{{{LONGEST_RUN}}}(?=`)", "\\g<0>\u200b", text)
    return MENTION.sub(lambda match: f"{match[0]}\u200b", text)


def code_span(text: str) -> str:
    """Return a code span, in which markup and mentions have no effect.

    Spaces that Markdown and HTML leave out are shown as dots, and a tab as an arrow.
    """
    text = _neutralize_code(text.replace("\t", "⇥").replace("\n", " "))
    text = re.sub(r"^ +| {2,}| +$", lambda spaces: "·" * len(spaces[0]), text) or EMPTY
    padding = " " if text[:1] == "`" or text[-1:] == "`" else ""
    ticks = _backticks(text, 1)
    return f"{ticks}{padding}{text}{padding}{ticks}"


def code_block(text: str) -> str:
    """Return a code block, indented for use in a list."""
    text = _neutralize_code(text)
    ticks = _backticks(text, 3)
    return "\n".join(f"    {line}" for line in (ticks, *text.splitlines(), ticks))


def _backticks(text: str, least: int) -> str:
    """Return a fence of at least `least` backticks, longer than every run of backticks in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)


def sarif_text(text: str) -> str:
    """Return a text for SARIF of limited length without links (`[text](address)`, SARIF 2.1.0, 3.11.6).

    Without the limit, a few findings would make a file that is too large to upload.
    """
    return clip(text, SARIF_TEXT).replace("](", "]\u200b(")


def linked_address(url: str) -> str:
    """Return an address that is safe in a link of Markdown, or an empty string."""
    return url if re.fullmatch(r"https://[\w./%~#?&=+-]{1,300}", url, re.ASCII) else ""


def mermaid_label(text: str) -> str:
    """Return text for a Mermaid label, with numeric entities because Mermaid knows no named ones.

    A reference to an issue (`GH-1`) gets one as well, in which `tools.comment` sees no reference, and so does
    what Mermaid shows as an icon (`fa:fa-name`; packages/mermaid/src/rendering-util/createText.ts).
    """
    return re.sub(
        r"(?<=GH)-(?=[0-9])|:(?=fa-)|[^\w .:/()+-]",
        lambda char: f"#{ord(char[0])};",
        text,
        flags=re.IGNORECASE,
    )


def fingerprint(text: str) -> str:
    """Return a short hash of a string."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def without_invented(text: str) -> str:
    """Return a text without parts that a review may have invented, which differ in the next review."""
    return INVENTED_PART.sub("#", text)
