"""Look-ups that fail, are new, or have other arguments or another provider: a report lacks their effects."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from review.findings.unknown_values import READ_THE_CODE, RULE
from review.model import NEW, Finding, escape_character, show_spaces
from review.stacks.engine_run import EngineRun
from review.stacks.stack import Stack

LONGEST = 300
"""Largest number of characters of a look-up's arguments, with escapes, that every format shows as a whole
(`review.render.filters.LINE`), also beside the name of the look-up and with marks.
"""

LOOKUPS_OF_ONE = 30
"""Largest number of look-ups in a finding. A format may leave out some lines of a longer message."""

USE_A_SETTING = "Take the value from a setting in place of a new look-up"
"""Remedy for a new look-up."""

OTHER_SETTINGS = "it goes through a provider with other settings, such as another account or region"


def find_changed_lookups(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each look-up whose arguments differ between base and head; a side may have none.

    The simulated APIs ignore most arguments, so their answers and what follows from them stay equal. If a
    look-up goes, a literal may take the place of an answer that anybody can guess, such as `ap-northeast-1a`.
    In a new stack, all look-ups are new.

    A new look-up blocks: an account may refuse it, and what the program then does is in no run. A look-up of
    the base has been answered in each deployment, or the base goes on without it.
    """
    if not stack.head or stack.base_failed or not (stack.base or stack.predicted):
        return
    base = stack.base or EngineRun(stack.head.tree)
    for token in sorted(base.lookups | stack.head.lookups):
        before, after = (run.lookups.get(token, set()) for run in (base, stack.head))
        if before == after or (not after and stack.head.errors):
            continue  # A program that fails may not get to the look-up.
        lost, gained = before - after, after - before
        moved = _arguments(gained) & _arguments(before) | _arguments(lost) & _arguments(after)
        old, new = (sorted(_arguments(side) - moved) for side in (lost, gained))
        effect = "The real API may give another answer than the review's, or none. The effects are not shown."
        if not after:
            effect = (
                "The real API may answer otherwise than the review's, so a value that replaces it may be new."
            )
        for what in (*_describe_moved(sorted(moved)), *_describe(old, new)):
            finding = _finding(stack, token, what, effect)
            if gained and stack.predicted:
                blocking = stack.blocking_finding(finding.policy, finding.name, "", USE_A_SETTING)
                finding = replace(blocking, message=finding.message)
            yield finding


def _arguments(lookups: Set[tuple[str, str]]) -> set[str]:
    return {args for args, _ in lookups}


def _describe_moved(moved: Sequence[str]) -> Iterator[str]:
    """Yield texts with the arguments of look-ups that base and head make through different providers."""
    shown = [show_spaces(args) for args in moved]
    if moved and _length(", ".join(moved)) <= LONGEST // 2:
        yield f"{OTHER_SETTINGS}: {', '.join(shown)}"
        return
    for start in range(0, len(shown), LOOKUPS_OF_ONE):
        yield "\n".join([OTHER_SETTINGS, *shown[start : start + LOOKUPS_OF_ONE]])


def _describe(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Yield texts with the arguments of look-ups, none of them shortened."""
    if not old and not new:
        return
    if max(map(_length, (", ".join(old), ", ".join(new)))) <= LONGEST // 2:
        before, after = (", ".join(map(show_spaces, side)) or "none" for side in (old, new))
        yield f"arguments {before} → {after}"
        return
    lines = [
        f"{side}: {show_spaces(args)}" for side, rows in (("before", old), ("now", new)) for args in rows
    ]
    for start in range(0, len(lines), LOOKUPS_OF_ONE):
        yield "\n".join(["other arguments", *lines[start : start + LOOKUPS_OF_ONE]])


def _length(arguments: str) -> int:
    """Return the number of characters with which a report shows arguments, at most: all others as escapes.

    JSON does not escape DEL, which is ASCII (RFC 8259, 7), and a report does.
    """
    return sum(1 if " " <= char <= "~" else len(escape_character(char)) for char in arguments)


def find_long_lookups(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each new look-up whose arguments are too long for a report.

    Its answer is invented, so only the arguments tell what it finds, and a part of them may decide alone.
    """
    if not stack.predicted or not stack.head:
        return
    before = stack.base.lookups if stack.base else {}
    for token, lookups in sorted(stack.head.lookups.items()):
        old = {args for args, _ in before.get(token, ())}
        for args in sorted({args for args, _ in lookups} - old):
            if (length := _length(args)) > LONGEST:
                message = (
                    f"{token} has arguments with {length:,} characters; a report shows at most {LONGEST} and "
                    f"hides the others, which may decide what an account answers: {show_spaces(args)}"
                )
                yield stack.blocking_finding(RULE, f"look-up {token}", message, "Give it shorter arguments")


def find_indistinct_lookups(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for look-ups of base and head that ask for different things and find an equal value.

    If two of them exchange their uses, no resource differs, but on an account other objects are used.
    """
    if not stack.base or not stack.head or stack.base_failed:
        return
    counts: dict[str, dict[str, int]] = {}
    for key, after in sorted(stack.head.answers.items()):
        token, path, _ = key
        count = len(after & stack.base.answers.get(key, set()))
        if count > 1:
            paths = counts.setdefault(token, {})
            paths[path] = max(count, paths.get(path, 0))
    for token, paths in counts.items():
        what = (
            f"{max(paths.values())} look-ups with different arguments or providers have one answer: "
            f"{', '.join(paths)}"
        )
        effect = "The real API may give several. If they exchange their uses, the report does not show it."
        yield _finding(stack, token, what, effect)


def _finding(stack: Stack, token: str, what: str, effect: str) -> Finding:
    """Return a finding about look-ups that does not block by itself."""
    return Finding(
        stacks=[stack.name],
        policy="look-up-changed",
        name=f"look-up {token}",
        message=f"{token}: {what}\n{effect}",
        status=NEW,
    )


def find_failed_lookups(stack: Stack) -> Iterator[Finding]:
    """Yield a finding for each look-up that fails in the review.

    The program may ignore the failure, and an account may answer the look-up. So it blocks, unless the base
    has the same look-up and it fails there, too. One of the base that the head no longer makes blocks as
    well: both sides then have the same value in place of an answer, which only an account knows.
    """
    head = stack.head if stack.predicted else None
    if not head:
        return
    base = stack.base or EngineRun(head.tree)
    for key, error in sorted(head.failed_lookups.items()):
        token, arguments = key
        is_old = key in base.failed_lookups
        place = f", and {OTHER_SETTINGS}" if is_old else ""
        message = (
            f"{token} with {show_spaces(arguments)} fails in the review{place}, but an account may answer"
        )
        finding = stack.blocking_finding(
            RULE, f"look-up {token}", f"{message}: {error}", "Remove the look-up"
        )
        if is_old and base.failed_settings.get(key) == head.failed_settings.get(key):
            message = f"{token} fails in the review, as in the base: {error}"
            finding = replace(
                finding, message=message, level="advisory", blocks=False, remediation=READ_THE_CODE
            )
        yield finding
    if stack.base_failed or head.errors:
        return  # A program that fails may not get to the look-up.
    for token, arguments in sorted(base.failed_lookups.keys() - head.failed_lookups.keys()):
        message = (
            f"{token} with {show_spaces(arguments)} fails in the base, and the head no longer makes it, "
            "but an account may answer: the value that replaces the answer may be new"
        )
        yield stack.blocking_finding(RULE, f"look-up {token}", message, "Keep the look-up")
