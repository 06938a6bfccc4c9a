"""Findings about changed code that the program did not execute: nothing shows what it would declare."""

import ast
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import decode_source
from pathlib import Path

from review.code_not_run.changed_lines import ChangedLines, find_kept
from review.code_not_run.executed_parts import find_changed
from review.code_not_run.unexecuted_parts import Unexecuted, find_unexecuted
from review.jail.regular_files import read_bytes
from review.model import DECLARES, Finding, SourceLocation, quote_name, show_spaces
from review.programs.encodings import is_utf8
from review.programs.imports import all_program_files
from review.project_selection import Trees
from review.stacks.stack import Stack
from sandbox.engine.replay.executed_code import find_parts
from sandbox.errors import CommandError

RULE = "code-not-run"

LARGEST_FILE = 2**20
"""Largest number of bytes in a file that is judged. Of a larger one, all code counts as not run."""

MOST_OF_FILE, MOST = 5, 40
"""Largest number of findings about a file and about all files; further places are counted."""

LONGEST_TEXT = 100
"""Largest number of characters that a finding shows of a part of the code, or of the name of a function."""

LONGEST_QUOTE = 400
"""Largest number of characters that a finding shows of neighbouring parts of the code."""

READ_IT = "Read this code: the report does not show what it declares in a deployment, or leaves out there."


@dataclass(frozen=True)
class _File:
    """A Python file of a tree; without a module if nobody can read it, or if its lines are not its text's."""

    module: ast.Module | None
    lines: Sequence[str]


def find_not_run(stacks: Iterable[Stack], trees: Trees) -> list[Finding]:
    """Return the findings about changed code that the second run of the head executed in no stack.

    A stack has no second run if its program has failed.
    """
    executed = {stack.name: stack.executed for stack in stacks if stack.executed is not None}
    changed = find_changed(trees) if executed else []
    if not changed:
        return []
    of_base, of_head = map(all_program_files, trees)
    removed = [file for file in _python_files(trees[0]) if not (trees[1] / file).is_file()]
    base = {file: _read(trees[0] / file) for file in of_base.intersection([*changed, *removed])}
    head = {file: _read(trees[1] / file) for file in changed}
    kept = find_kept(_modules(base.values()), _modules(head.values()))
    findings: list[Finding] = []
    for file in changed:
        real = (trees[1] / file).resolve()
        numbers = {number for record in executed.values() for number in record.get(real, ())}
        if numbers or file in of_head:
            findings += _find_in_file(file, base.get(file), head[file], numbers, kept)
    omitted = findings[MOST:]
    if omitted:
        rest = f"{len(omitted) + 1} more places in other files did not run in this review"
        findings = [*findings[: MOST - 1], replace(findings[MOST - 1], message=rest)]
    return [replace(finding, stacks=[*executed]) for finding in findings]


def _find_in_file(
    file: Path, before: _File | None, after: _File | None, executed: Set[int], kept: Set[str]
) -> Iterator[Finding]:
    """Yield the findings about a file of the head, the last one for all further places."""
    quoted = quote_name(f"{file}")
    if after is None or after.module is None:
        yield _finding(file, f"{file}", 1, f"{quoted} cannot be read, so nobody knows which of its code ran")
        return
    if not executed:
        if find_parts(after.module):
            yield _finding(file, f"{file}", 1, f"{quoted} did not run in this review")
        return
    changed = ChangedLines.between(before.lines if before else (), after.lines)
    items = [
        item
        for item in find_unexecuted(after.module, after.lines, executed, kept)
        if any(changed.overlap(*lines) for lines in (item.lines, *item.headers))
    ]
    places = _merge(items, after.lines)
    most = len(places) if len(places) <= MOST_OF_FILE else MOST_OF_FILE - 1
    for place in places[:most]:
        yield _finding(file, _clip(place.scope) or f"{file}", place.lines[0], _describe(file, place))
    if more := places[most:]:
        first = more[0].lines[0]
        message = f"{len(more)} more places in {quoted} did not run in this review, the first in line {first}"
        yield _finding(file, f"{file}", first, message)


def _merge(items: Sequence[Unexecuted], source: Sequence[str]) -> list[Unexecuted]:
    """Return the places with neighbouring parts as one, unless they are functions that were not called."""
    places: list[Unexecuted] = []
    for item in items:
        last = places[-1] if places else None
        if last and not last.called and not item.called and _are_neighbours(last, item, source):
            lines = last.lines[0], max(last.lines[1], item.lines[1])
            text = _clip(item.text)
            texts = last.text if text in last.text.split("; ") else f"{last.text}; {text}"
            places[-1] = replace(last, lines=lines, text=texts)
        else:
            places.append(replace(item, text=_clip(item.text)))
    return places


def _are_neighbours(first: Unexecuted, second: Unexecuted, source: Sequence[str]) -> bool:
    between = source[first.lines[1] : second.lines[0] - 1]
    return all(not line.strip() or line.lstrip().startswith("#") for line in between)


def _describe(file: Path, place: Unexecuted) -> str:
    first, last = place.lines
    lines = f"{first}" if first == last else f"{first}-{last}"
    verb = "was not called" if place.called else "did not run"
    text = _clip(place.called) or _clip(place.text, LONGEST_QUOTE)
    return f"{quote_name(f'{file}')}:{lines} {verb} in this review: {show_spaces(text)}"


def _clip(text: str, longest: int = LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _finding(file: Path, name: str, line: int, message: str) -> Finding:
    return Finding(
        stacks=[],
        policy=RULE,
        name=name,
        message=message,
        remediation=READ_IT,
        locations=[SourceLocation(f"{file}", line, DECLARES)],
    )


def _read(path: Path) -> _File | None:
    """Return a Python file with its lines as Python counts them; None if there is no regular file."""
    try:
        content = read_bytes(path, LARGEST_FILE, follow_links=True)
    except CommandError:
        return _File(None, ())
    except OSError:
        return None
    with suppress(MemoryError, RecursionError, SyntaxError, ValueError):
        module = ast.parse(content)
        if is_utf8(content):
            # A form feed or U+2028 is a part of a line.
            return _File(module, decode_source(content).split("\n"))
    return _File(None, ())


def _modules(files: Iterable[_File | None]) -> Iterator[tuple[ast.Module, Sequence[str]]]:
    yield from ((file.module, file.lines) for file in files if file and file.module)


def _python_files(tree: Path) -> Iterator[Path]:
    yield from (path.relative_to(tree) for path in sorted(tree.rglob("*.py")) if path.is_file())
