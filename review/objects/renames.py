"""Resources that take over the state of one with another name or parent, by an alias."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from policies.engine.waivers import Waivers, load
from review.plain_data import mark_own
from sandbox.progress import is_root, name_of, one_line, short

NAME, PARENT = "logical name", "option parent"
"""Paths of the two properties of a rename. An input may be called `name`, too."""

WITHOUT_PARENT = "(stack)"
"""Text in place of the parent of a resource that is in no component."""

NOT_COVERED = "its waiver does not count, since no waiver names what it was in the base: {}"
"""Line in the message of a finding on a renamed resource. It has the target that a waiver lacks."""


class Rename(NamedTuple):
    """The names and the parents of a resource in base and head; None for what stays the same.

    `follows` is True if the name begins with the parent's name, and only that part of it changes.
    """

    name: tuple[str, str] | None = None
    parent: tuple[str, str] | None = None
    follows: bool = False

    @property
    def is_own(self) -> bool:
        """True if the resource is renamed or moved, and not only its parent."""
        return bool(self.parent or (self.name and not self.follows))

    @property
    def former_name(self) -> str:
        """The description of the resource in the base."""
        if self.name:
            return one_line(self.name[0])
        return f"in {self.parent[0]}" if self.parent else ""


def find_rename(urns: tuple[str, str], parents: tuple[str, str], former_parent: str) -> Rename:
    """Return what an alias connects: the URNs of a resource and of its parents in base and head.

    `former_parent` is the URN that the base has for the parent in the head. The names of the stack and of its
    project do not count, since a project with another name starts with new stacks.
    """
    (old, former_chain), (new, chain) = map(_split, urns)
    if (old, former_chain) == (new, chain):
        return Rename()
    is_known = former_parent != "" and parents[0] == former_parent
    is_same_parent = is_known or all(not urn or is_root(urn) for urn in parents)
    former_prefix, prefix = (_split(urn)[0] for urn in parents)
    rest = old.removeprefix(former_prefix)
    follows = is_same_parent and len(rest) < len(old) and new == prefix + rest
    return Rename(
        (mark_own(old), mark_own(new)) if old != new else None,
        None if is_same_parent else (_title(parents[0]), _title(parents[1])),
        follows,
    )


def _split(urn: str) -> tuple[str, str]:
    """Return the name in a URN, and the types of the resource and its parents."""
    *_, types, name = ["", "", *urn.split("::", 3)]
    return name, types


def _title(urn: str) -> str:
    """Return a readable name of a parent, such as `access (pipe:aws:Access)`."""
    if not urn or is_root(urn):
        return WITHOUT_PARENT
    types = _split(urn)[1]
    return f"{name_of(urn)} ({one_line(short(types.rpartition('$')[2]))})"


@dataclass(frozen=True)
class WaiverFiles:
    """The waivers that apply, and those of the base. They differ if an owner has approved the head's."""

    applied: Waivers
    base: Waivers

    @classmethod
    def read(cls, names: Sequence[str], file: str, trees: tuple[Path, Path], *, approved: bool) -> Self:
        """Read a file of both trees; `names` are those of the findings that it may waive."""
        base, head = (
            load(names, None, tree / file) if (tree / file).exists() else Waivers() for tree in trees
        )
        return cls(head if approved else base, base)

    def uncovered(self, policy: str, name: str, former: Sequence[str]) -> list[str]:
        """Return the former names of something for which no waiver counts, although one counts for its name.

        The waiver of a name is about what the base calls so. If the base has no such waiver, an owner has
        approved it together with the rename.
        """
        if not _counts(self.base, policy, name):
            return []
        return [
            other
            for other in former
            if not any(_counts(waivers, policy, other) for waivers in (self.applied, self.base))
        ]


def _counts(waivers: Waivers, policy: str, name: str) -> bool:
    waiver = waivers.of(policy, name)
    return waiver is not None and not waiver.expired(waivers.today)
