"""Resources from which an unchanged value comes in one side only.

Two values may be equal in the review and differ on an account, since the review's providers invent outputs.
"""

from collections.abc import Iterator, Mapping, Set
from itertools import chain
from typing import NamedTuple

from review.plain_data import is_equal
from review.stacks.resources import Resource

DEPENDS_ON = "option dependsOn"
"""Path of the resources on which a resource depends without using a value of them."""


class ChangedSources(NamedTuple):
    """The URNs of the resources on which only the base's or only the head's property depends."""

    path: str
    lost: Set[str]
    gained: Set[str]


def find_changed_sources(
    old: Resource, new: Resource, urns: Mapping[str, str], resources: tuple[Set[str], Set[str]]
) -> Iterator[ChangedSources]:
    """Yield the properties with equal values, and dependencies without a value, that have other sources.

    `urns` maps the base's URNs to those of the head, and `resources` has all URNs of both sides, in terms of
    the head. A dependency on a component is one on all resources in it. So a new source alone says nothing
    if its resource is new, nor does one that is gone with its resource.
    """
    before, after = (
        {
            name: {urns.get(urn, urn) for urn in names}
            for name, names in {**side.property_dependencies, DEPENDS_ON: _without_value(side)}.items()
        }
        for side in (old, new)
    )
    in_base, in_head = resources
    for name in sorted(before.keys() | after.keys()):
        lost = before.get(name, set()) - after.get(name, set())
        gained = after.get(name, set()) - before.get(name, set())
        is_known = bool((lost and gained) or lost & in_head or gained & in_base)
        if is_known and (name == DEPENDS_ON or is_equal(old.values.get(name), new.values.get(name))):
            yield ChangedSources(name if name == DEPENDS_ON else f"{name} › source", lost, gained)


def _without_value(resource: Resource) -> set[str]:
    used = {*chain.from_iterable(resource.property_dependencies.values()), resource.parent}
    return {*resource.dependencies} - used
