"""Breadth-first search over the possible steps of an attacker."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.iam.model import Hold, Step

MAX_STEPS = 5
"""Largest depth of the search; steps that do not depend on each other have the same depth."""


@dataclass(frozen=True)
class Reached:
    """The step by which an attacker gains a power, and the number of steps so far; a start has no step."""

    depth: int
    step: Step | None


def reach(starts: Iterable[Hold], steps: Iterable[Step], limit: int = MAX_STEPS) -> dict[Hold, Reached]:
    """Return the powers that an attacker with the powers `starts` reaches up to the depth `limit`."""
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
    """Return the steps that lead to a power, in an order in which an attacker can take them."""
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
