"""The report as plain data, from which every rendering is made; the JSON rendering contains all data."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from review.values.text_runs import differing_runs
from sandbox.progress import one_line, short

LONG_VALUE = 100
"""Number of characters above which only the part of a value is shown that differs from the other value."""

LONGEST_DIFFERENCE = 400
"""Largest number of characters that are shown of such a part."""

LONGEST_DIFFERENCES = 5 * LONGEST_DIFFERENCE
"""Largest number of characters that are shown of all such parts of a value."""

UNCLEAR_SPACES = re.compile(r"^ +| {2,}| +$")
"""Pattern of spaces that a reader may not see or cannot count."""

REMARK_LINE = re.compile(r"\n (?=\((?:not )?secret\)$)")
"""Pattern of the line break before a remark of the report, and of the report's own space."""

SECRET_REMARK = re.compile(r" \((?:not )?secret\)\Z")
"""Pattern of a report's remark at the end of a value."""

LENGTH_NOTE = re.compile(r"\((?=(?:\\u200b)*[\d,]+ characters(?:, [\d,]+ more of them differ)?\)\Z)")
"""Pattern of the start of the note at the end of a shortened value, with marks in it or none."""

ABSENT = "(absent)"
"""Text in place of a value that a side lacks."""

LINE_BREAK, TAB, SPACE = "⏎⇥·"


def escape_character(char: str) -> str:
    """Return an escape in place of a character that a report shows with a sign, or that nobody sees.

    It has none of the forms that honest texts often have themselves, such as `\\r`, nor that of a byte of a
    binary file (`\\xff`).
    """
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


SIGNS = {ord(sign): escape_character(sign) for sign in f"{LINE_BREAK}{TAB}{SPACE}←→"}
"""Escapes for the signs that a report puts in and beside values, if the program has them itself."""

REVIEW_RULES: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())
SECTIONS: Mapping[str, str] = REVIEW_RULES["sections"]
"""Section of the report for each kind of finding that the review itself makes."""

OWN_POLICIES = "The pull request's own policies"
"""Section of what only the policies of the pull request report. They may take names of the base's rules, and
any severity, so no other section has their findings, and no count of violations includes them.
"""

BASE_TO_HEAD, STATE_TO_HEAD = "base to head", "state to head"
NEW, EXISTING, FIXED = "new", "existing", "fixed"
VIOLATION, WAIVED, UNKNOWN = "violation", "waived", "unknown"
OPERATIONS = ("delete", "replace", "update", "create")
COUNTS = (*reversed(OPERATIONS), "violations", WAIVED, UNKNOWN)

DECLARES, COMPOSES, SETS, OF_THE_BASE = "declares", "composes", "sets", "of the base"
"""Roles of a source location."""


@dataclass(frozen=True)
class SourceLocation:
    """A line with a role: it `declares` or `composes` a resource, `sets` a value, or is `of the base`.

    For a line that `sets` a value, `key` is the setting, and `matched_by` the reason for choosing it.
    """

    # The representation omits file and line, since it is compared between the items of several stacks.
    file: str = field(repr=False)
    line: int = field(repr=False)
    role: str
    key: str = ""
    matched_by: str = ""


@dataclass(frozen=True)
class Property:
    """A property that changes.

    An absent value is None. `folded` is the reason for folding the change, or an empty string. If no setting
    is known, `sources` has the titles of the changed resources from which the value comes. If the value has
    the IDs or outputs of other resources than before, it has their titles, and those of the base, each after
    `before: `. For an input of a created resource, it has the titles of the resources whose object or outputs
    it has. A value that a look-up has found has the name and the arguments of the look-up.
    `always_shown` is True for an input of a created resource that every format shows. Those that decide in
    which account or cluster resources are, from which source they come, which object changes or who gets
    access come first. It is also True for a change of an existing resource that may decide about this, which
    a comment shows first.
    """

    path: str
    before: str | None
    after: str | None
    forces: bool
    folded: str
    setting: SourceLocation | None
    sources: list[str] = field(default_factory=list[str])
    always_shown: bool = False


@dataclass(frozen=True, kw_only=True)
class Item:
    """An entry about a resource or, without a type, about a whole stack; `stacks` share the entry.

    `key` identifies the resource in all stacks: its URN without the stack and the project. `parents` has the
    components in which it is if another resource has the same name and type; else it is empty.
    """

    stacks: list[str]
    type: str = ""
    name: str
    key: str = ""
    parents: str = ""
    is_component: bool = False
    locations: list[SourceLocation] = field(default_factory=list[SourceLocation])


@dataclass(frozen=True, kw_only=True)
class Change(Item):
    """A resource that changes. `upstream` contains the titles of the resources on which it depends.

    `properties` are the properties that change; for a created resource, they are all its inputs, and for a
    deleted one the options that decide whether its object is deleted. `deleted_first` is True for a
    replacement whose old object is deleted before the new one is created, so that there is none meanwhile.
    """

    op: str
    component: str
    properties: list[Property]
    upstream: list[str]
    deleted_first: bool = False

    @property
    def differences(self) -> list[Property]:
        """The properties that change; of a created resource, those that every format shows."""
        return [item for item in self.properties if item.always_shown or self.op != "create"]

    @property
    def omitted(self) -> int:
        """The number of the created resource's inputs that only the HTML and JSON formats show."""
        return len(self.properties) - len(self.differences)


@dataclass(frozen=True, kw_only=True)
class Finding(Item):
    """A message from a policy or from the review.

    `waiver` names the last day, the days left, the reason and the owner of the waiver. `from_head` is True if
    only the policies of the pull request report the finding. `dependents` has the titles of all resources
    that depend on a resource at risk. `former_name` is the name of the resource in the base, if an alias
    connects it with a resource that has another name or parent there.
    """

    policy: str
    message: str
    severity: str = ""
    level: str = "advisory"
    status: str = NEW
    verdict: str = VIOLATION
    controls: list[str] = field(default_factory=list[str])
    remediation: str = ""
    url: str = ""
    waiver: str = ""
    setting: SourceLocation | None = None
    blocks: bool = False
    from_head: bool = False
    dependents: list[str] = field(default_factory=list[str])
    former_name: str = ""

    @property
    def full_name(self) -> str:
        """The name, followed by the former one: `bastion, which was database`."""
        return f"{self.name}, which was {self.former_name}" if self.former_name else self.name

    @property
    def is_named_in_message(self) -> bool:
        """True if the message begins with the name, so that a list of the findings needs no line for it.

        A name that is only a part of the message, such as `output that`, does not count: findings with one
        message would be told apart by nothing else.
        """
        return not self.type and self.message.startswith(f"{self.name}:")

    @property
    def section(self) -> str:
        """The section of the report that contains this finding."""
        if self.from_head:
            return OWN_POLICIES
        if self.policy in SECTIONS:
            return SECTIONS[self.policy]
        if self.verdict == UNKNOWN:
            return "Policy: not known before up"
        if self.status != NEW:
            return f"Policy: {self.status}"
        return "Policy: newly waived" if self.verdict == WAIVED else "Policy: new or no longer waived"


@dataclass(frozen=True)
class SettingChange:
    """A setting of a stack file that changes. An absent value is None; the value of a secret is masked."""

    stack: str
    key: str
    before: str | None
    after: str | None
    location: SourceLocation


@dataclass(frozen=True)
class CostLine:
    """A part of a stack's bill in base and head, in US dollars per month.

    A part that a side lacks costs 0. None is a cost that is unknown: the side was not evaluated, or the price
    table lacks the price. `basis` is the calculation of the newer cost, or the price that is missing.
    `assumes` has the assumptions about the stack's use from which the quantity follows.
    """

    resource: str
    part: str
    before: float | None
    after: float | None
    basis: str = ""
    assumes: list[str] = field(default_factory=list[str])

    @property
    def is_unknown(self) -> bool:
        """True if the price table lacks the price."""
        return self.basis.startswith("no price of ")


@dataclass(frozen=True)
class StackCosts:
    """The estimates of a stack's bill in base and head, in US dollars per month; None is unknown.

    The sums exclude the lines without a price, so the bill is at least as high. `difference` is the change of
    the estimate. It is unknown if a side is, or if base and head differ in what has no price: without the
    part, the sums could show a saving where the bill rises.
    """

    before: float | None = 0.0
    after: float | None = 0.0
    difference: float | None = 0.0
    lines: list[CostLine] = field(default_factory=list[CostLine])

    @property
    def is_evaluated(self) -> bool:
        """True if both sides were evaluated."""
        return self.before is not None and self.after is not None

    @property
    def is_before_minimum(self) -> bool:
        """True if the change is unknown, and the base has a part without a price."""
        return self._is_minimum(self.before, (line.before for line in self.lines))

    @property
    def is_after_minimum(self) -> bool:
        """True if the change is unknown, and the head has a part without a price."""
        return self._is_minimum(self.after, (line.after for line in self.lines))

    def _is_minimum(self, sum_of_side: float | None, parts: Iterable[float | None]) -> bool:
        return self.difference is None and sum_of_side is not None and None in parts

    @property
    def changed(self) -> list[CostLine]:
        """The lines whose cost changes, largest change first; empty if a side is unknown."""
        if not self.is_evaluated:
            return []
        return [line for line in self.lines if line.before != line.after]

    @property
    def unknown(self) -> list[CostLine]:
        """The lines without a price."""
        return [line for line in self.lines if line.is_unknown]


@dataclass(frozen=True)
class StackReport:
    """A row in the table of stacks. `counts` lacks the counts that are unknown."""

    name: str
    counts: dict[str, int]
    costs: StackCosts = field(default_factory=StackCosts)


@dataclass(frozen=True)
class Report:
    """The whole report.

    `code` is the exit code. `trees` contains the base URLs of head's and base's files, if there are any.
    `seconds` has the duration of each phase of the review, by its name.
    """

    compares: str
    base: str
    head: str
    verdict: str
    code: int
    stacks: list[StackReport]
    changes: list[Change]
    findings: list[Finding]
    notes: list[str]
    prices: str
    settings: list[SettingChange] = field(default_factory=list[SettingChange])
    trees: list[str] = field(default_factory=list[str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])


def title(item: Any) -> str:
    """Return a readable name of a resource: `main (aws:ec2:Vpc)` for the type `aws:ec2/vpc:Vpc`.

    If another resource has the same name and type, the components follow in which the resource is.
    """
    name = f"{_full_name(item)} ({type_name(item)})" if item.type else _full_name(item)
    return f"{name}{_place(item)}"


def distinct_name(item: Any) -> str:
    """Return the name of a resource, with the components in which it is if another one has its title."""
    return f"{_full_name(item)}{_place(item)}"


def type_name(item: Any) -> str:
    """Return the shortened type of a resource; after that of a component, which has no object, a word."""
    name = one_line(short(item.type))
    return f"{name}, component" if item.is_component else name


def _full_name(item: Any) -> str:
    return str(item.full_name if isinstance(item, Finding) else item.name)


def _place(item: Any) -> str:
    return f" in {item.parents}" if item.parents else ""


def list_first(names: Sequence[str], most: int = 8) -> str:
    """Return the first names, and the number of the remaining names."""
    omitted = len(names) - most
    return ", ".join(names[:most]) + (f" and {omitted} more" if omitted > 0 else "")


ORDINARY_NAME = re.compile(r"[\w./@+-]+", re.ASCII)
"""Pattern of a file's name that nobody takes for a part of the sentence around it."""


def quote_name(file: str) -> str:
    """Return the name of a file for a sentence: in quotation marks if it may look like a part of it.

    A pull request chooses names such as `a.py). An owner has approved them (b.py`. Quotation marks and
    invisible characters in a name get an escape.
    """
    return file if ORDINARY_NAME.fullmatch(file) else repr(file)


def list_first_files(files: Sequence[str], most: int = 8) -> str:
    """Return the names of the first files for a sentence, and the number of the others."""
    return list_first([*map(quote_name, files)], most)


def list_all(names: Iterable[str]) -> str:
    """Return all names on one line, for what an owner has to know before an approval or a waiver."""
    return ", ".join(map(one_line, names))


def shorten(text: str | None, other: str | None) -> str:
    """Return a value on one line. Of a long value, the parts that differ from the other value are shown.

    The value's length is added then and, if the parts are too long as well, the number of their characters
    that are not shown. If a text that is not shortened ends like this itself, it has the escape of a mark.
    """
    if text is None:
        return ABSENT
    if len(text) > LONG_VALUE and (remark := SECRET_REMARK.search(text)):
        return f"{shorten(text[: remark.start()], other)}{remark[0]}"
    if len(text) > LONG_VALUE:
        windows, more = _windows(text, differing_runs(text, SECRET_REMARK.sub("", other or "")))
        parts = [text[start:end] for start, end in windows]
        ends = ("… " if windows[0][0] else ""), (" …" if windows[-1][1] < len(text) else "")
        hidden = f", {more:,} more of them differ" if more else ""
        shown = " … ".join(map(show_spaces, parts))
        return f"{ends[0]}{shown}{ends[1]} ({len(text):,} characters{hidden})"
    return LENGTH_NOTE.sub(r"(\\u200b", show_spaces(text))


def show_spaces(text: str) -> str:
    """Return a text on one line, with signs for line breaks and tabs, and for spaces that are hard to see.

    A dot stands for each space around a line, and for each of several in a row. Formats omit such spaces,
    or hide their number. If the program has such a sign itself, it becomes an escape.
    """
    signs = (sign for line in _mark_spaces(text) for sign in (LINE_BREAK, line))
    return " ".join(filter(None, [*signs][1:]))


def show_lines(text: str) -> str:
    """Return a text with the signs of `show_spaces`, in which a line break follows each of its signs."""
    *lines, last = _mark_spaces(text)
    return "".join([*(f"{line} {LINE_BREAK}\n".lstrip(" ") for line in lines), last])


def _mark_spaces(text: str) -> Iterator[str]:
    """Yield the lines of a text, with signs for tabs and for spaces that are hard to see."""
    text = REMARK_LINE.sub("\n", text).translate(SIGNS).replace("\t", TAB)
    for line in text.split("\n"):
        yield UNCLEAR_SPACES.sub(lambda run: SPACE * len(run[0]), line)


def _windows(text: str, runs: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Return the parts of a text that show these runs, and the number of the runs' other characters.

    Each window has some characters before and after its run, and neighbouring windows are joined. Those after
    it show what follows a part that one side lacks.
    """
    windows: list[tuple[int, int]] = []
    shown = hidden = 0
    for start, end in runs:
        first, following = max(0, start - LONG_VALUE // 4), end + LONG_VALUE // 4
        last = min(len(text), max(first + LONG_VALUE, min(following, first + LONGEST_DIFFERENCE)))
        if windows and shown + last - first > LONGEST_DIFFERENCES:
            hidden += end - start
            continue
        shown += last - first
        hidden += max(0, end - last)
        if windows and first <= windows[-1][1]:
            first, last = windows[-1][0], max(last, windows.pop()[1])
        windows.append((first, last))
    return windows, hidden
