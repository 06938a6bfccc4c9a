"""Breadth-first search over the steps of an attacker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.iam.model import Hold, Step

MAX_STEPS = 5
"""Largest number of steps that follow one another; steps that do not need each other count once."""


@dataclass(frozen=True)
class Reached:
    """A power that an attacker gains, with the step that gave it; the start has none."""

    depth: int
    step: Step | None


def reach(starts: Iterable[Hold], steps: Iterable[Step], limit: int = MAX_STEPS) -> dict[Hold, Reached]:
    """Return each power that an attacker who starts with some powers gains in at most `limit` steps."""
    reached = {start: Reached(0, None) for start in starts}
    remaining = list(steps)
    for depth in range(1, limit + 1):
        available = set(reached)
        waiting: list[Step] = []
        for step in remaining:
            if not step.premises <= available:
                waiting.append(step)
            elif step.gain not in reached:
                reached[step.gain] = Reached(depth, step)
        if len(reached) == len(available):
            break
        remaining = waiting
    return reached


def path(reached: Mapping[Hold, Reached], target: Hold) -> list[Step]:
    """Return the steps to a power in an order in which an attacker can take them."""
    ordered: list[Step] = []

    def visit(hold: Hold) -> None:
        step = reached[hold].step
        if step is None or step in ordered:
            return
        for premise in sorted(step.premises):
            visit(premise)
        ordered.append(step)

    visit(target)
    return ordered


def format_path(steps: Iterable[Step]) -> str:
    """Format steps as one line each, for messages of tests."""
    return "\n".join(
        f"{' + '.join(map(str, sorted(step.premises)))} → {step.gain} ({step.means})" for step in steps
    )
