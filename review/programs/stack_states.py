"""States of stacks, which the engine finds by the names of the project and of the stack."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from sandbox.errors import CommandError
from sandbox.workspace import yaml_tree
from sandbox.workspace.stacks import projects

BOTH, TAKES, GIVES = "both", "takes", "gives"
"""Ways in which two stacks newly share a state: both have it in the head, or one of them gets the state that
the other one has in the base.
"""

EXACT, EXCEPT_CASE, DIFFERENT = 2, 1, 0
"""Degrees of equality of two states' names. A bucket tells names apart that differ only in case. A folder on
macOS does not, and neither does Pulumi Cloud (https://github.com/pulumi/pulumi-ai/issues/82).
"""


class Identity(NamedTuple):
    """The names by which the engine finds a state: `organization/PROJECT/STACK`, whatever the folder is
    (pulumi/pulumi, pkg/backend/diy/store.go: projectReferenceStore, ParseReference and StackBasePath).
    """

    project: str
    stack: str


class Share(NamedTuple):
    """A state that a stack newly shares with another one."""

    other: str
    way: str
    is_exact: bool


@dataclass(frozen=True)
class StackStates:
    """The states of all stacks of base and head. A stack without the name of a project has none."""

    before: Mapping[str, Identity]
    after: Mapping[str, Identity]

    @classmethod
    def read(cls, base: Path, head: Path) -> Self:
        """Read the names of projects and stacks in both trees."""
        return cls(_identities(base), _identities(head))

    def find_shares(self, stack: str) -> Iterator[Share]:
        """Yield the states that a stack shares with others since the change, or more exactly than before.

        That both have it in the head says most, so then the other two ways are left out.
        """
        before, after = self.before.get(stack), self.after.get(stack)
        for other in sorted({*self.before, *self.after} - {stack}):
            degrees = {
                BOTH: _equality(after, self.after.get(other)),
                TAKES: _equality(after, self.before.get(other)),
                GIVES: _equality(before, self.after.get(other)),
            }
            earlier = _equality(before, self.before.get(other))
            ways = [BOTH] if degrees[BOTH] == max(degrees.values()) else [TAKES, GIVES]
            for way in ways:
                if degrees[way] > earlier:
                    yield Share(other, way, degrees[way] == EXACT)


def _identities(tree: Path) -> Mapping[str, Identity]:
    names = {stack: _project_name(project) for stack, project in projects(tree).items()}
    return {stack: Identity(name, stack.rpartition("/")[2]) for stack, name in names.items() if name}


def _project_name(project: Path) -> str:
    """Return the name of the project in a folder; empty if it has none that can be read."""
    with suppress(CommandError):
        name = yaml_tree.read(project / "Pulumi.yaml").get("name")
        return f"{name.value}" if name else ""
    return ""


def _equality(first: Identity | None, second: Identity | None) -> int:
    if not first or not second:
        return DIFFERENT
    if first == second:
        return EXACT
    return EXCEPT_CASE if [*map(str.casefold, first)] == [*map(str.casefold, second)] else DIFFERENT
