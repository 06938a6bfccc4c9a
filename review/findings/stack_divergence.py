"""Properties and resources that were equal in two stacks and no longer are."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from review.model import ABSENT, Finding, shorten
from review.plain_data import PATH_STEP, as_text
from review.stacks.engine_run import Step
from review.stacks.properties import find_parts
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.values.value_paths import place_of, value_at_common
from sandbox.summary import LATER

ResourcePath = tuple[tuple[str, str], str]
"""Key of a resource, and the path of a property; an empty path stands for the resource itself."""


class StackValue(NamedTuple):
    """A value in the base and the head of a stack, without the stack's name."""

    stack: str
    before: str
    after: str


def find_divergence(stacks: Sequence[Stack], without_stack: Callable[[str, str], str]) -> Iterator[Finding]:
    """Yield a finding for each value that was equal in two stacks of a project and no longer is.

    `without_stack` replaces a stack's name in a string, so that values which differ only in the name are
    equal.
    """
    for project in dict.fromkeys(stack.project for stack in stacks):
        yield from _find_in_project([stack for stack in stacks if stack.project == project], without_stack)


def _find_in_project(stacks: Sequence[Stack], without_stack: Callable[[str, str], str]) -> Iterator[Finding]:
    paths = _changed_paths(stacks)
    for resource_path, resource in sorted(paths.items(), key=lambda item: item[0]):
        path = resource_path[1]
        values = [value for stack in stacks if (value := _value(stack, resource_path, without_stack))]
        if any(_diverge(*pair) for pair in combinations(values, 2)):
            shown = (f"{shorten(value.after, value.before)} in {value.stack}" for value in values)
            yield Finding(
                stacks=[value.stack for value in values],
                **resource.entry,
                policy="stacks-no-longer-the-same",
                message=f"{path or 'the resource'} is {', '.join(shown)}",
            )


def _diverge(first: StackValue, second: StackValue) -> bool:
    """Return True if two values were equal in the base and are not in the head."""
    return first.before == second.before and first.after != second.after


def _changed_paths(stacks: Sequence[Stack]) -> dict[ResourcePath, Resource]:
    paths: dict[ResourcePath, Resource] = {}
    for stack in stacks:
        for step in stack.changed:
            for path in _property_paths(step) if step.op in ("update", "replace") else ("",):
                paths[step.resource.key, path] = step.resource
    return paths


def _property_paths(step: Step) -> Iterator[str]:
    """Yield the paths of the values that differ; of what a side lacks as a whole, only the path of the whole.

    List items have another position in each stack, so identifiers name them. Without one, the whole list is
    compared.
    """
    sides = [side.declared if side else {} for side in (step.old, step.new)]
    for part, _ in find_parts(step):
        path = place_of(part.paths.common)
        prefixes = (path[: match.end()] for match in PATH_STEP.finditer(path))
        missing = (
            prefix for prefix in prefixes if any(value_at_common(side, prefix) is None for side in sides)
        )
        yield next(missing, path)


def _value(
    stack: Stack, resource_path: ResourcePath, without_stack: Callable[[str, str], str]
) -> StackValue | None:
    """Return the value in a stack, or None if it cannot be compared: missing on a side, or not known yet."""
    key, path = resource_path
    sides = stack.old.get(key), stack.new.get(key)
    if not stack.old or (path and not all(sides)):
        return None
    if path:
        texts = [as_text(value_at_common(side.declared, path)) or ABSENT for side in sides if side]
    else:
        texts = ["present" if side else "absent" for side in sides]
    if any(LATER in text for text in texts):
        return None
    before, after = (without_stack(text, stack.name) for text in texts)
    return StackValue(stack.name, before, after)
