"""What the templates can say: filters, the same words in every rendering."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from review.model import (
    BASE,
    COUNTS,
    SIGNS,
    Change,
    Finding,
    Place,
    Property,
    Report,
    Setting,
    StackReport,
    short,
)

LONG = 100
"""Characters of a value above which only its ends are shown."""

STYLES = ("bold", "dim", "red", "green", "yellow", "create", "update", "replace", "delete")
COLOURS: dict[str, int] = dict(zip(STYLES, (1, 2, 31, 32, 33, 32, 33, 31, 31), strict=True))

SEPARATORS = re.compile("[␝␞␟]")
"""What splits a Markdown template's output into parts, so it may be in nobody's text."""


def where(places: Iterable[Place]) -> str:
    return ", ".join(f"{each.file}:{each.line}{' of the base' * (each.what == BASE)}" for each in places)


def origin(setting: Setting | None) -> str:
    return f" ← {setting.key} ({where([setting.place])}; {setting.by})" if setting else ""


def brief(text: str | None) -> str:
    """A value on one line; of a long one the two ends, and how long it is."""
    if text is None:
        return "(absent)"
    line = text.replace("\n", " ⏎ ")
    if len(line) > LONG:
        line = f"{line[: LONG * 2 // 3]} … {line[-LONG // 4 :]} ({len(text):,} characters)"
    return line


def title(item: Any) -> str:
    return item.name if item.name == "the stack" else f"{item.name} ({short(item.type)})"


def level(found: Finding) -> str:
    return ", ".join(filter(None, (found.level, found.severity, "waived" if found.waiver else "")))


def shown(change: Change) -> list[Property]:
    return [each for each in change.properties if not each.folded]


def folded(change: Change) -> str:
    """The noise of a change, in words."""
    reasons: dict[str, list[str]] = {}
    for each in change.properties:
        if each.folded:
            reasons.setdefault(each.folded, []).append(each.path)
    return "; ".join(f"{listed(paths, 4)} ({reason})" for reason, paths in reasons.items())


def listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def why(change: Change) -> list[tuple[str, str]]:
    """All there is to say of a replacement or deletion: labels and sentences."""
    risk = change.risk
    if risk is None:
        return []
    said = [("Because", " ← ".join(risk.chain))]
    if risk.setting:
        said.append(("Set by", origin(risk.setting)[3:]))
    elif change.op == "replace":
        said.append(("Set by", "unknown: no value identifies a settings key"))
    said.append(("Depends on it", listed(risk.dependents) or "nothing"))
    return said + [pair for pair in (("Data", risk.loss), ("Waived", risk.waived)) if pair[1]]


def by_component(items: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(item.component, []).append(item)
    return list(found.items())


def counted(changes: Iterable[Change]) -> str:
    ops = sorted(each.op for each in changes)
    return ", ".join(f"{len(list(group))} {op}" for op, group in groupby(ops))


def grouped(found: Iterable[Finding]) -> list[list[Finding]]:
    """Findings that say the same of several resources, together."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for each in found:
        key = (each.policy, each.status, each.verdict, each.level, *each.stacks, each.message, each.waiver)
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def matrix(report: Report) -> list[list[str]]:
    """A head, then a row a stack; one that does not evaluate has no numbers."""
    return [["stack", *COUNTS, "USD a month"], *([each.name, *_cells(each)] for each in report.stacks)]


def _cells(stack: StackReport) -> list[str]:
    if stack.errors and not stack.unchanged and not any(stack.counts.values()):
        return ["?"] * (len(COUNTS) + 1)
    cost = stack.cost
    known = f"{cost.difference:+,.2f}" if cost and cost.lines else "0" if not cost else ""
    return [
        *(str(stack.counts[key]) for key in COUNTS),
        known + (" + unknown" if cost and cost.unknown else ""),
    ]


def columns(row: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(each[column]) for each in rows) for column in range(len(row))]
    return "  ".join(f"{cell:>{width}}" if index else f"{cell:<{width}}"
                     for index, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip


def costs(report: Report) -> list[tuple[str, str]]:
    """A stack's monthly difference, line by line, and what is unknown of it."""
    found: list[tuple[str, str]] = []
    for stack in report.stacks:
        lines = stack.cost.lines if stack.cost else []
        for each in lines:
            said = f"{each.resource}, {each.what}: {each.before:,.2f} → {each.after:,.2f} USD a month"
            found.append((stack.name, said))
        if stack.cost and stack.cost.unknown:
            found.append((stack.name, f"unknown: {listed(stack.cost.unknown)}"))
    return found


def notes(report: Report) -> list[str]:
    return [*report.notes, *(f"{stack.name}: {note}" for stack in report.stacks for note in stack.notes)]


def compared(report: Report) -> str:
    """What is compared with what; the two kinds are never mixed up."""
    return f"{report.compares}: {report.base} → {report.head}"


def plain(text: str) -> str:
    """Text that GitHub takes as text: no markup, no HTML, nobody mentioned."""
    text = re.sub(r"([\\`*_\[\]|#~])", r"\\\1", " ".join(SEPARATORS.sub(" ", text).split()))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")


def code(text: str) -> str:
    """A code span; nothing in it is markup, and no `@` in it calls anybody."""
    text = " ".join(SEPARATORS.sub(" ", text).split())
    ticks = _ticks(text, 1)
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def fenced(text: str) -> str:
    text = SEPARATORS.sub(" ", text)
    fence = _ticks(text, 3)
    return "\n".join(f"  {line}" for line in (fence, *text.splitlines(), fence))


def _ticks(text: str, least: int) -> str:
    return "`" * max(least, max((len(run) for run in re.findall("`+", text)), default=0) + 1)


def label(text: str) -> str:
    """Text in a Mermaid label, which knows entities by number."""
    return "".join(char if char.isalnum() or char in " .:/_-()+" else f"#{ord(char)};" for char in text)


def filters(colour: bool) -> Mapping[str, Callable[..., Any]]:
    """All of them by name."""

    def paint(text: str, style: str) -> str:
        return f"\033[{COLOURS[style]}m{text}\033[0m" if colour else text

    texts = (where, origin, brief, title, level, folded, counted, compared, plain, code, fenced, label, short)
    own = (*texts, shown, why, by_component, grouped, matrix, columns, costs, notes, paint)
    return {each.__name__: each for each in own} | {"sign": SIGNS.__getitem__}
