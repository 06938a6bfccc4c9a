"""Resources that take over the state of one with another name or parent, mostly by an alias."""

from typing import NamedTuple

from review.plain_data import mark_own
from sandbox.progress import is_root, name_of, one_line, short

NAME, PARENT = "logical name", "option parent"
"""Paths of the two properties of a rename. An input may be called `name`, too."""

WITHOUT_PARENT = "(stack)"
"""Text in place of the parent of a resource that is in no component."""


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
    """Return what an alias or an equal URN connects: the URNs of a resource and its parents in base and head.

    `former_parent` is the URN that the base has for the parent in the head. The names of the stack and of its
    project do not count, since a project with another name starts with new stacks.
    """
    (old, former_chain), (new, chain) = map(_split, urns)
    is_known = former_parent != "" and parents[0] == former_parent
    is_same_parent = is_known or all(not urn or is_root(urn) for urn in parents)
    # A URN has the types of the parents, and not their names.
    is_moved = not is_same_parent and _split(parents[0]) != _split(parents[1])
    if (old, former_chain) == (new, chain) and not is_moved:
        return Rename()
    former_prefix, prefix = (_split(urn)[0] for urn in parents)
    rest = old.removeprefix(former_prefix)
    follows = is_same_parent and len(rest) < len(old) and new == prefix + rest
    titles = _title(parents[0]), _title(parents[1])
    if titles[0] == titles[1]:  # The types of their parents differ, which are a part of a URN.
        titles = one_line(parents[0].split("::", 2)[-1]), one_line(parents[1].split("::", 2)[-1])
    return Rename(
        (mark_own(old), mark_own(new)) if old != new else None,
        None if is_same_parent else titles,
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
