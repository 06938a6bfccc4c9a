"""Pairing of the items of two lists, so that an item is the same one although others are added before it."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from review.plain_data import as_key, is_map, quote_name
from sandbox.summary import LATER, MASK

IDENTIFIERS = (
    "name",
    "key",
    "id",
    "Sid",
    "sid",
    "ref",
    "ruleName",
    "mountPath",
    "containerPort",
    "port",
    "topologyKey",
    "deviceName",
    "alias",
    "host",
    "path",
    "arn",
    "priority",
    "ruleNumber",
    "type",
)
"""Members of objects that can identify them in a list, in order of preference."""

SETS = {
    "aws": frozenset(
        {"publicAccessCidrs", "enabledClusterLogTypes", "enabledCloudwatchLogsExports", "nodePools"}
        | {"cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "securityGroups", "securityGroupIds"}
        | {"vpcSecurityGroupIds", "subnetIds", "subnets", "routeTableIds", "availabilityZones"}
    ),
    "kubernetes:eks.amazonaws.com/v1": frozenset({"securityGroupSelectorTerms", "subnetSelectorTerms"}),
}
"""Names of lists that are sets, by the start of the types of resources: inputs that the AWS provider declares
as sets, and selectors of EKS node classes. The order of other lists can have a meaning.
"""

POLICY_ELEMENTS = frozenset(
    {"Statement", "Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"}
)
"""Names of lists that are sets in a policy (IAM user guide, Grammar of the IAM JSON policy language)."""

NAMES = IDENTIFIERS[:5]
"""The members that are names. If several objects have the same one, something may be declared twice."""

Sides = tuple[list[Any], list[Any]]
"""A list in base and head."""

Indexes = tuple[int | None, int | None]
"""Positions of an item in base and head; None for a side that lacks the item."""


class Names:
    """The identifiers of the items in base and head, with their positions; None for an item without one."""

    def __init__(self, *sides: list[str | None]) -> None:
        self._names = sides
        self.old, self.new = (_positions(side) for side in sides)

    def of(self, pair: Indexes) -> list[str | None]:
        """Return the identifiers of an item on the sides that have it."""
        sides = zip(self._names, pair, strict=True)
        return [names[index] for names, index in sides if index is not None]

    def is_repeated(self, name: str) -> bool:
        """Return True if several items of a side have this identifier."""
        return any(len(side.get(name, ())) > 1 for side in (self.old, self.new))


def _positions(names: list[str | None]) -> dict[str | None, list[int]]:
    positions: dict[str | None, list[int]] = {}
    for index, name in enumerate(names):
        positions.setdefault(name, []).append(index)
    return positions


class Pair(NamedTuple):
    """An item of a list, by its positions in base and head; None for a side that lacks the item.

    `label` stands between the brackets of a path. `is_stable` is True if it names the same item in the lists
    of other stacks, too; a position does not if items are added or removed. `following` is the label of the
    next item that both sides have, if this item is added before it and its own label does not tell so.
    """

    label: str
    old: int | None
    new: int | None
    is_stable: bool
    following: str = ""


def pair_items(before: list[Any], after: list[Any], *, is_set: bool) -> list[Pair]:
    """Return the items of two lists in pairs, in the order of the head, with the removed items between them.

    Objects with the same identifier are one item, and so are objects that differ in nothing else. Of items
    without an identifier, and of those that share one, equal items are paired. The items between them are
    paired in order if both sides have the same number of them.
    """
    sides = before, after
    member = _identifying_member(sides)
    names = Names(*([_identifier(item, member) for item in side] for side in sides))
    pairs: list[Indexes] = []
    for name in {**names.old, **names.new}:
        old, new = names.old.get(name, []), names.new.get(name, [])
        if name is None or len(old) > 1 or len(new) > 1:
            pairs += _pair_members(sides, old, new) if is_set else _pair_sequences(sides, old, new)
        else:
            pairs.append((next(iter(old), None), next(iter(new), None)))
    pairs = _join_renamed(sides, pairs, member, names)
    pairs.sort(key=lambda pair: (_position(pair), pair[1] is not None))
    labels = [_label(pair, names) for pair in pairs]
    following = [""] * len(pairs) if is_set else _following(pairs, labels)
    same_length = len(before) == len(after)
    return [
        Pair(label, *pair, _is_stable(pair, names, same_length=same_length), next_label)
        for pair, label, next_label in zip(pairs, labels, following, strict=True)
    ]


def find_item(items: list[Any], name: str) -> Any:
    """Return the only object with this identifier, or None if there is none."""
    for member in IDENTIFIERS:
        same = [item for item in items if is_map(item) and _identifier(item, member) == name]
        if len(same) == 1:
            return same[0]
    return None


def is_reordered(pairs: Iterable[Pair]) -> bool:
    """Return True if items that both sides have are in another order."""
    positions = [pair.old for pair in pairs if pair.old is not None and pair.new is not None]
    return positions != sorted(positions)


def is_permutation(before: list[Any], after: list[Any]) -> bool:
    """Return True for two lists with the same items."""
    return Counter(map(as_key, before)) == Counter(map(as_key, after))


def _identifying_member(sides: Sides) -> str:
    """Return the member that identifies most objects; empty if it identifies none that both sides have.

    So one object without an identifier, or two with the same, do not hide which the others are.
    """
    if not all(is_map(item) for side in sides for item in side):
        return ""
    best, most = "", 0
    for member in IDENTIFIERS:
        old, new = (Counter(_identifier(item, member) for item in side) for side in sides)
        common = [name for name in old if name is not None and name in new]
        unique = [name for name in {**old, **new} if name is not None and old[name] < 2 and new[name] < 2]
        identified = sum(old[name] + new[name] for name in unique)
        is_repeated_name = not best and member in NAMES and None not in {**old, **new}
        if common and (identified > most or is_repeated_name):
            best, most = member, identified
    return best


def _identifier(item: Any, member: str) -> str | None:
    """Return the member of an object as a text, or None if the object has none that can identify it."""
    value = item.get(member) if member else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return None if not text or LATER in text or MASK in text else text


def _pair_sequences(sides: Sides, old: list[int], new: list[int]) -> Iterator[Indexes]:
    """Yield the pairs of the items at these positions of lists in which the order has a meaning."""
    keys = [
        [as_key(side[index]) for index in indexes] for side, indexes in zip(sides, (old, new), strict=True)
    ]
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        yield from _pair_in_order(old[start:end], new[new_start:new_end])


def _pair_members(sides: Sides, old: list[int], new: list[int]) -> Iterator[Indexes]:
    """Yield the pairs of the items at these positions of lists that are sets."""
    removed: dict[str, list[int]] = {}
    for index in old:
        removed.setdefault(as_key(sides[0][index]), []).append(index)
    added: list[int] = []
    for index in new:
        if equal := removed.get(as_key(sides[1][index])):
            yield equal.pop(0), index
        else:
            added.append(index)
    yield from _pair_in_order(sorted(index for indexes in removed.values() for index in indexes), added)


def _pair_in_order(old: list[int], new: list[int]) -> Iterator[Indexes]:
    """Yield the positions in pairs if there are as many of both; else each alone."""
    if len(old) == len(new):
        yield from zip(old, new, strict=True)
    else:
        yield from ((index, None) for index in old)
        yield from ((None, index) for index in new)


def _join_renamed(sides: Sides, pairs: list[Indexes], member: str, names: Names) -> list[Indexes]:
    """Join a removed and an added object if they differ in the identifier only.

    An identifier that several objects have does not tell which one it was, so such an object is not joined.
    """
    if not member:
        return pairs
    single = [pair for pair in pairs if not any(name and names.is_repeated(name) for name in names.of(pair))]
    added: dict[str, list[int]] = {}
    for old, new in single:
        if old is None and new is not None:
            added.setdefault(_rest(sides[1][new], member), []).append(new)
    renamed: dict[int, int] = {}
    for old, new in single:
        if old is not None and new is None and (same := added.get(_rest(sides[0][old], member))):
            renamed[old] = same.pop(0)
    joined = {*renamed.values()}
    return [
        (old, new if old is None else renamed.get(old, new))
        for old, new in pairs
        if old is not None or new not in joined
    ]


def _rest(item: dict[str, Any], member: str) -> str:
    """Return an object without its identifier, as a key."""
    return as_key({name: value for name, value in item.items() if name != member})


def _position(pair: Indexes) -> int:
    """Return the position of an item in the head, or in the base if the head lacks it."""
    old, new = pair
    return (old or 0) if new is None else new


def _label(pair: Indexes, names: Names) -> str:
    """Return the identifier of an item in quotes, with a remark if others have it, too, or its position.

    An item that gets its identifier only now has its position in the base, where others may lack one, too.
    """
    position, of_the_base = _position(pair), "" if pair[1] is not None else " in the base"
    first, name = names.of(pair)[0], names.of(pair)[-1]
    if first is None and name is not None and pair[0] is not None:
        return f"{pair[0]} in the base"
    if name is None:
        return f"{position}{of_the_base}"
    quoted = quote_name(name)
    if not names.is_repeated(name):
        return quoted
    positions = (names.old if of_the_base else names.new)[name]
    number = f" {positions.index(position) + 1} of {len(positions)}" if len(positions) > 1 else ""
    return f"{quoted}{number}{of_the_base}"


def _is_stable(pair: Indexes, names: Names, *, same_length: bool) -> bool:
    """Return True if the label of an item leads to the same item in the lists of other stacks."""
    own = {*names.of(pair)}
    if own == {None}:
        return same_length and pair[0] == pair[1]
    return len(own) == 1 and not any(names.is_repeated(name) for name in own if name is not None)


def _following(pairs: list[Indexes], labels: list[str]) -> list[str]:
    """Return, for each added item, the label of the next item that both sides have; else empty texts.

    The text is empty, too, if the item's own label tells its place: a position beside another one, or a
    number among items of one name.
    """
    following: list[str] = []
    common = ""
    for (old, new), label in zip(reversed(pairs), reversed(labels), strict=True):
        is_same = common.rpartition('"')[0] == label.rpartition('"')[0]
        following.append(common if old is None and not is_same else "")
        if old is not None and new is not None:
            common = label
    return following[::-1]
