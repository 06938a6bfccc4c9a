"""Comparison of prod with stg: replicas, TLS versions, availability zones, retention and alerts."""

import json
import math
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from review.model import EXISTING, NEW, REVIEW_RULES, Finding
from review.objects.owners import find_owner, has_other_object
from review.objects.parts import object_inputs
from review.plain_data import as_text, is_list, is_map, value_at
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER

Key = tuple[str, str]
"""The type and the name of a resource, which are equal in several stacks."""

Resources = Mapping[Key, Resource]
"""Resources by key."""


DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""Start of a date, at which S3 begins to delete all objects of any age
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html).
"""

MISSING = "missing"
"""Value of an item that a list lacks, for a rule with a strength for it."""


BEFORE = " before the change"
"""Remark on a value of stg in the base."""


class Strength(NamedTuple):
    """A value as a number; `unit` is that of a percentage."""

    number: float
    unit: str = ""


class Sides(NamedTuple):
    """The resources of a stack in the head, and before the change."""

    new: Resources
    old: Resources


class Weakness(NamedTuple):
    """A value in prod that is weaker than the value in stg; without a path, a number of resources.

    `key` is that of the resource, and `scope` what limits an item of a list.
    """

    key: Key
    name: str
    path: str
    value: str
    message: str
    scope: str = ""


class Item(NamedTuple):
    """An item of a compared list: its ID or place, and what limits it, such as the filter of a lifecycle."""

    identifier: str = ""
    scope: str = ""


def find_weaker(prod: Stack, stg: Stack) -> Iterator[Finding]:
    """Yield a finding for each weakness of prod compared with stg; weaknesses that the base lacks block."""
    comparable = bool(prod.old and stg.old)
    old, new = _by_common_key(prod, prod.old.values()), _by_common_key(prod, prod.new.values())
    stg_old, stg_new = _by_common_key(stg, stg.old.values()), _by_common_key(stg, stg.new.values())
    before = set(_weaknesses(Sides(old, {}), Sides(stg_old, {}))) if comparable else set[Weakness]()
    added = [*_added_to_pairs((prod, new), (stg, stg_new), stg_old)] if comparable else []
    sides = Sides(new, old), Sides(stg_new, stg_old)
    for weakness in dict.fromkeys([*_weaknesses(*sides, added), *_hidden_weaknesses(*sides, prod, stg)]):
        is_new = comparable and weakness not in before
        resource, former = new.get(weakness.key), old.get(weakness.key)
        old_value = as_text(value_at(former.inputs, weakness.path)) if former else None
        details: dict[str, Any] = (
            resource.entry if resource else {"type": weakness.key[0], "name": weakness.name}
        )
        yield Finding(
            stacks=[prod.name],
            **details,
            former_name=resource.rename.former_name if resource else "",
            message=weakness.message,
            policy="prod-weaker-than-stg",
            level="mandatory" if is_new else "advisory",
            blocks=is_new,
            status=NEW if is_new else EXISTING,
            setting=prod.file.find_setting(weakness.path, old_value, weakness.value, weakness.name),
        )


def _by_common_key(stack: Stack, resources: Iterable[Resource], *, by_new_name: bool = False) -> Resources:
    """Return resources by a key that is equal in several stacks.

    It has the names of the base, since the head may rename a resource in one stack only, and `<stack>` in
    place of the stack's name. A new resource with the former name of another one has no key, unless
    `by_new_name` is set: then the other one has none.
    """
    former = {step.new.urn: step.old.key[1] for step in stack.steps.values() if step.old and step.new}
    name = re.escape(stack.name.rpartition("/")[2])
    stack_name = re.compile(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])")
    return {
        (resource.type, stack_name.sub("<stack>", former.get(resource.urn, resource.key[1]))): resource
        for resource in sorted(resources, key=lambda resource: (resource.urn in former) != by_new_name)
    }


def _added_to_pairs(
    prod: tuple[Stack, Resources], stg: tuple[Stack, Resources], stg_before: Resources
) -> Iterator[Key]:
    """Yield the keys of resources that only prod gets, for an object that stg has or had as well.

    Examples are the lifecycle of a bucket which has none in stg, and one that moves to another bucket.
    """
    stack, resources = prod
    changed = {
        step.resource.urn
        for step in stack.steps.values()
        if step.op == "create" or has_other_object(step, stack)
    }
    for key, resource in resources.items():
        in_stg = stg[1].keys() | stg_before.keys()
        if resource.urn in changed and (owners := _owners(stack, resources, resource) & in_stg):
            counterpart = stg[1].get(key)
            if not counterpart or owners.isdisjoint(_owners(*stg, counterpart)):
                yield key


def _owners(stack: Stack, resources: Resources, resource: Resource) -> set[Key]:
    """Return the keys of the resources whose object another one changes."""
    keys = {member.urn: key for key, member in resources.items()}
    owners = (find_owner(stack, resource, name) for name in object_inputs(resource))
    return {keys[owner.urn] for owner in owners if owner and owner.urn in keys}


def _weaknesses(prod: Sides, stg: Sides, added: Iterable[Key] = ()) -> Iterator[Weakness]:
    """Yield the weaknesses of prod.

    `added` has the keys of resources whose object stg has without them. They are compared with none.
    """
    keys = [*stg.new, *_lost_keys(prod, stg)]
    for rule in REVIEW_RULES["strength"]:
        if "path" in rule:
            yield from _weaker_values(rule, keys, prod, stg)
            yield from _weaker_values(rule, added, prod, Sides({}, {}))
        else:
            yield from _fewer_resources(rule, prod.new, stg.new)


def _lost_keys(prod: Sides, stg: Sides) -> Iterator[Key]:
    """Yield the keys of resources that stg gives up or renames, and with which prod is still compared.

    These are the ones that prod keeps. If prod gives it up, too, stg may have another one of the type in its
    place, and prod not.
    """
    only_in_stg = {kind for kind, _ in stg.new.keys() - stg.old.keys() - prod.new.keys()}
    for key in stg.old:
        if key not in stg.new and (key in prod.new or (key in prod.old and key[0] in only_in_stg)):
            yield key


def _hidden_weaknesses(prod: Sides, stg: Sides, *stacks: Stack) -> Iterator[Weakness]:
    """Yield the weaknesses of prod compared with resources of stg with the former name of another one."""
    hidden, stg_hidden = (
        {key: member for key, member in by_name.items() if member is not side.new.get(key)}
        for side, by_name in zip(
            (prod, stg),
            (_by_common_key(stack, stack.new.values(), by_new_name=True) for stack in stacks),
            strict=True,
        )
    )
    for rule in REVIEW_RULES["strength"] if stg_hidden else ():
        if "path" in rule:
            hiding = Sides({**prod.new, **hidden}, prod.old)
            yield from _weaker_values(rule, stg_hidden, hiding, Sides(stg_hidden, stg.old))


def _fewer_resources(rule: Mapping[str, Any], prod: Resources, stg: Resources) -> Iterator[Weakness]:
    prod_count, stg_count = (sum(kind == rule["type"] for kind, _ in side) for side in (prod, stg))
    if prod_count < stg_count:
        message = f"{rule['topic']}: {prod_count} of {rule['type']} in prod and {stg_count} in stg"
        yield Weakness(("", ""), "the stack", "", "", message)


def _weaker_values(
    rule: Mapping[str, Any], keys: Iterable[Key], prod: Sides, stg: Sides
) -> Iterator[Weakness]:
    """Yield the values of prod that are weaker than those of stg, for these keys.

    A value that stg gives up, or that cannot be compared any more, counts as before, if prod's changes. The
    same holds for a weaker text of stg, such as one with a further file that its server does not read.
    """
    where = rule.get("where", {}).items()
    for key in keys:
        if key[0] != rule["type"]:
            continue
        is_lost = key in stg.old and key not in stg.new
        sides = (prod.new, prod.old, stg.old if is_lost else stg.new, stg.old)
        members = [side.get(key) for side in sides]
        members = [member if member and where <= member.values.items() else None for member in members]
        owners = [member for member in (*members[2:], *members[:2]) if member]
        for item in _items(rule, owners) if owners else ():
            # The values of secrets count, but a message only has what a report shows, also of an item's ID.
            shown = [_compared_value(member and member.inputs, rule, item) for member in members]
            known = [_compared_value(member and member.values, rule, item) for member in members]
            values = shown if item.identifier else known
            shown = known if rule.get("count") else shown
            strength, old_strength, stg_strength, stg_before = (_strength(value, rule) for value in values)
            if values[2] == MISSING != values[0]:
                stg_strength = None
            was_there = bool(members[3]) and values[3] != MISSING
            is_former = was_there and not _are_comparable(strength, stg_strength)
            is_former = is_former and _are_comparable(strength, stg_before)
            is_former = is_former or (was_there and _hides_strength(values, stg_strength, stg_before))
            if (is_lost or is_former) and values[0] == values[1]:
                continue
            stronger = stg_before if is_former else stg_strength
            if _is_weaker(values[0], strength, old_strength, stronger):
                value, compared = _shown(shown[0], strength), _shown(shown[3 if is_former else 2], stronger)
                remark = BEFORE if is_lost or is_former else ""
                part = f'["{item.identifier}"].{rule["part"]}' if item.identifier else ""
                path = f"{rule['path']}{part}"
                message = f"{rule['topic']}: {path} is {value} in prod and {compared} in stg{remark}"
                yield Weakness(key, owners[0].name, path, value, message, item.scope)


def _hides_strength(values: Sequence[Any], strength: Strength | None, before: Strength | None) -> bool:
    """Return True if stg may still be as strong as before, by another input or by another file of a text.

    `values` are those of prod now and before, and of stg now and before. If stg has the value of prod, both
    are as strong.
    """
    if not strength or not before or not _are_comparable(strength, before):
        return False
    value = values[2]
    return (value is None or is_map(value)) and value != values[0] and strength.number < before.number


def _is_weaker(
    value: Any, strength: Strength | None, before: Strength | None, stronger: Strength | None
) -> bool:
    """Return True if prod's value is weaker than stg's; `before` is the strength of prod's before the change.

    A value that cannot be compared counts as weaker if only the deployment determines it, or if the one
    before the change could be compared or was stronger: so it does not hide a weaker value.
    """
    if stronger is None:
        return False
    if strength and _are_comparable(strength, stronger):
        return strength.number < stronger.number
    if strength and before and strength.unit == before.unit and strength.number < before.number:
        return True
    return LATER in str(value) or _are_comparable(before, stronger)


def _are_comparable(first: Strength | None, second: Strength | None) -> bool:
    """Return True for numbers of one unit; none and all of something are the same in every unit."""
    if not first or not second:
        return False
    is_absolute = any(not side.number or math.isinf(side.number) for side in (first, second))
    return first.unit == second.unit or is_absolute


def _items(rule: Mapping[str, Any], owners: Iterable[Resource]) -> list[Item]:
    """Return all items of a list; one empty item for a rule on a whole value."""
    if "part" not in rule:
        return [Item()]
    lists = (value_at(owner.inputs, rule["path"]) for owner in owners)
    return sorted({item for value in lists if is_list(value) for item, _ in _members(value, rule)})


def _members(items: Iterable[Any], rule: Mapping[str, Any]) -> Iterator[tuple[Item, Mapping[str, Any]]]:
    """Yield the objects in a list, each with its ID; without one, with its place."""
    for place, member in enumerate(items, start=1):
        if is_map(member):
            identifier = member.get(rule.get("named", "id"))
            limits = {name: _without_empty(member.get(name)) for name in rule.get("scope", ())}
            scope = json.dumps(_without_empty(limits), sort_keys=True)
            yield Item(identifier if isinstance(identifier, str) else f"item {place}", scope), member


def _without_empty(value: Any) -> Any:
    """Return a value without empty members, such as the prefix of all objects."""
    if not is_map(value):
        return value
    members = {name: _without_empty(member) for name, member in value.items()}
    return {name: member for name, member in members.items() if member not in (None, "", {}, [])}


def _compared_value(inputs: Mapping[str, Any] | None, rule: Mapping[str, Any], item: Item) -> Any:
    """Return the value at the rule's path, together with the texts at the path of encoded entries.

    The rule's `default` is the value of an input that a resource lacks. A rule may compare the number of
    different items of a list, or a part of the enabled item with an ID. A date in place of that part (`date`)
    is the value, too. MISSING stands for an item that is not there.
    """
    value = value_at(inputs, rule["path"])
    if item.identifier and (is_list(value) or value is None):
        members = (member for other, member in _members(value or (), rule) if other == item)
        enabled = next(filter(_is_enabled, members), None)
        if enabled is None and MISSING in rule["values"]:
            return MISSING
        date = value_at(enabled, rule["date"]) if "date" in rule else None
        value = value_at(enabled, rule["part"]) if date is None else date
    if inputs is None:
        return None
    if value is None and "default" in rule:
        return rule["default"]
    if rule.get("count") and is_list(value) and LATER not in str(value):
        return len({json.dumps(member, sort_keys=True) for member in value})
    encoded = value_at(inputs, rule["encoded"]) if "encoded" in rule else None
    if encoded is None:
        return value
    entries = encoded.values() if is_map(encoded) else [encoded]
    return {"plain": value, "encoded": [_decoded(str(entry)) for entry in entries]}


def _is_enabled(member: Mapping[str, Any]) -> bool:
    return member.get("status") != "Disabled" and member.get("enabled") is not False


def _decoded(text: str) -> str:
    """Return a Base64 text with every byte that is not UTF-8 replaced; any other string unchanged."""
    try:
        return b64decode(text, validate=True).decode(errors="replace")
    except ValueError:
        return text


def _shown(value: Any, strength: Strength | None) -> str:
    """Return a value as a string; for a server's configuration, its TLS version."""
    if is_map(value):
        number = "not comparable" if strength is None else str(strength.number)
        return LATER if LATER in str(value) else number
    return as_text(value) or "absent"


def _strength(value: Any, rule: Mapping[str, Any]) -> Strength | None:
    """Return a value as a number, or None if the value cannot be compared.

    The number for a server's configuration is the oldest TLS version that it allows.
    """
    protocols = " ".join(re.findall(r"ssl_protocols([^;]*);", str(value)))
    # SSL 3.0 is older than TLS 1.0.
    versions = re.findall(r"TLSv(1(?:\.\d)?)", protocols) + ["0"] * ("SSLv" in protocols)
    if versions:
        return Strength(min(map(float, versions)))
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", str(int(value) if isinstance(value, bool) else value))
    strength = Strength(float(number[1]), number[2]) if number else None
    if "date" in rule and DATE.match(str(value)):
        strength = Strength(0)  # From then on, every object expires at once.
    special = rule.get("values", {}).get(as_text(value) or "absent")
    strength = strength if special is None else Strength(special)
    if strength and rule.get("lower_is_stronger"):
        return strength._replace(number=-strength.number)
    return strength
