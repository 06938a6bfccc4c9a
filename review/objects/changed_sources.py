"""Resources from which a property comes in one side only, unless its value shows them.

Two values may be equal in the review and differ on an account, since the review's providers invent outputs.
The same holds for two values that differ in something else as well.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain
from typing import Any, NamedTuple

from review.plain_data import as_text, is_equal, value_at
from review.stacks.existing_objects import identifiers
from review.stacks.resources import Resource
from review.stacks.value_parts import leaves, parse_json

DEPENDS_ON = "option dependsOn"
"""Path of the resources on which a resource depends without using a value of them."""

KUBERNETES_NAME = "metadata.name"

ARN = "arn:"


class ChangedSources(NamedTuple):
    """The URNs of the resources on which only the base's or only the head's property depends."""

    path: str
    lost: Set[str]
    gained: Set[str]


class OwnTexts(NamedTuple):
    """The texts that tell from which resource a value comes.

    The program chooses none of the `parts`, apart from the name at the end of an ARN, so these also count
    inside of a text. It can write `names` of its choice anywhere, so these count as whole values only.
    """

    parts: Set[str]
    names: Set[str]


def own_texts(resource: Resource, invented: Iterable[str]) -> OwnTexts:
    """Return the texts of a resource; `invented` has the outputs that no program chooses.

    An input comes from elsewhere, such as the ID of another resource, and so does its copy in the outputs.
    """
    inputs = {text for name, value in resource.values.items() for text in _texts(name, value)}
    name = value_at(resource.values, KUBERNETES_NAME)
    names = {resource.urn, *identifiers(resource), *([name] if isinstance(name, str) else [])}
    arns = {name for name in names if name.startswith(ARN)}
    return OwnTexts(({*invented} | arns) - inputs - {""}, names)


def find_changed_sources(
    old: Resource,
    new: Resource,
    urns: Mapping[str, str],
    resources: tuple[Set[str], Set[str]],
    texts_of: tuple[Callable[[str], OwnTexts], Callable[[str], OwnTexts]],
) -> Iterator[ChangedSources]:
    """Yield the properties, and dependencies without a value, that have other sources.

    A property counts if its values are equal, or if they do not show one of these sources. `urns` maps the
    base's URNs to those of the head, and `resources` has all URNs of both sides, in terms of the head.
    `texts_of` returns the texts of a resource in the base, and in the head. A dependency on a component is
    one on all resources in it. So a new source alone says nothing if its resource is new, nor does one that
    is gone with its resource.
    """
    before, after = (
        {
            name: {urns.get(urn, urn) for urn in names}
            for name, names in {**side.property_dependencies, DEPENDS_ON: _depends_on(side)}.items()
        }
        for side in (old, new)
    )
    in_base, in_head = resources
    for name in sorted(before.keys() | after.keys()):
        lost = before.get(name, set()) - after.get(name, set())
        gained = after.get(name, set()) - before.get(name, set())
        if not (lost and gained) and not lost & in_head and not gained & in_base:
            continue
        if name == DEPENDS_ON:
            yield ChangedSources(name, lost, gained)
            continue
        values = old.values.get(name), new.values.get(name)
        texts = [[*_texts(name, value)] for value in values]
        is_shown = not is_equal(*values) and all(
            _show(texts[side], texts[not side], own(urn))
            for side, own, sources in zip((0, 1), texts_of, (lost, gained), strict=True)
            for urn in sources
        )
        if not is_shown:
            yield ChangedSources(f"{name} › source", lost, gained)


def _show(texts: Sequence[str], others: Sequence[str], own: OwnTexts) -> bool:
    """Return True if a text of a resource is in the values of one side more often than in the other side's.

    So a text that has been in the value before, for another reason, shows nothing.
    """
    counts, other_counts = Counter(texts), Counter(others)
    return any(counts[name] > other_counts[name] for name in own.names) or any(
        sum(text.count(part) for text in texts) > sum(text.count(part) for text in others)
        for part in own.parts
    )


def _texts(name: str, value: Any) -> Iterator[str]:
    """Yield the scalars in a value and in the JSON documents of its texts."""
    for path, leaf in leaves(name, value):
        document = parse_json(leaf)
        if document is None:
            yield as_text(leaf) or ""
        else:
            yield from (as_text(member) or "" for _, member in leaves(path, document))


def _depends_on(resource: Resource) -> set[str]:
    """Return the resources on which one depends without a value, or by an input with the option's name."""
    used = {*chain.from_iterable(resource.property_dependencies.values()), resource.parent}
    return {*resource.dependencies} - used | {*resource.property_dependencies.get(DEPENDS_ON, ())}
