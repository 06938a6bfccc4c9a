"""Waivers of base and head for an object whose resource an alias has renamed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from policies.engine.waivers import Waivers, load

NOT_COVERED = "its waiver does not count, since no waiver names what it was in the base: {}"
"""Line in the message of a finding on a renamed resource. It has the target that a waiver lacks."""


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
