"""Comparison of prod with stg: replicas, TLS versions, availability zones, retention and alerts."""

import json
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
    before = set(_weaknesses(old, stg_old, {}, [])) if comparable else set[Weakness]()
    added = [*_added_to_pairs((prod, new), (stg, stg_new))] if comparable else []
    for weakness in _weaknesses(new, stg_new, old, added):
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


def _by_common_key(stack: Stack, resources: Iterable[Resource]) -> Resources:
    """Return resources by a key that is equal in several stacks.

    It has the names of the base, since the head may rename a resource in one stack only, and `<stack>` in
    place of the stack's name. A new resource with the former name of another one has no key.
    """
    former = {step.new.urn: step.old.key[1] for step in stack.steps.values() if step.old and step.new}
    name = re.escape(stack.name.rpartition("/")[2])
    stack_name = re.compile(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])")
    return {
        (resource.type, stack_name.sub("<stack>", former.get(resource.urn, resource.key[1]))): resource
        for resource in sorted(resources, key=lambda resource: resource.urn in former)
    }


def _added_to_pairs(prod: tuple[Stack, Resources], stg: tuple[Stack, Resources]) -> Iterator[Key]:
    """Yield the keys of resources that only prod gets, for an object that stg has as well.

    Examples are the lifecycle of a bucket which has none in stg, and one that moves to another bucket.
    """
    stack, resources = prod
    changed = {
        step.resource.urn
        for step in stack.steps.values()
        if step.op == "create" or has_other_object(step, stack)
    }
    for key, resource in resources.items():
        if resource.urn in changed and (owners := _owners(stack, resources, resource) & stg[1].keys()):
            counterpart = stg[1].get(key)
            if not counterpart or owners.isdisjoint(_owners(*stg, counterpart)):
                yield key


def _owners(stack: Stack, resources: Resources, resource: Resource) -> set[Key]:
    """Return the keys of the resources whose object another one changes."""
    keys = {member.urn: key for key, member in resources.items()}
    owners = (find_owner(stack, resource, name) for name in object_inputs(resource))
    return {keys[owner.urn] for owner in owners if owner and owner.urn in keys}


def _weaknesses(
    prod: Resources, stg: Resources, prod_before: Resources, added: Iterable[Key]
) -> Iterator[Weakness]:
    """Yield the weaknesses of prod; `prod_before` are its resources before the change.

    `added` has the keys of resources whose object stg has without them. They are compared with none.
    """
    only_in_prod = {key: prod[key] for key in added}
    for rule in REVIEW_RULES["strength"]:
        if "path" in rule:
            yield from _weaker_values(rule, prod, stg, stg, prod_before)
            yield from _weaker_values(rule, prod, only_in_prod, {}, prod_before)
        else:
            yield from _fewer_resources(rule, prod, stg)


def _fewer_resources(rule: Mapping[str, Any], prod: Resources, stg: Resources) -> Iterator[Weakness]:
    prod_count, stg_count = (sum(kind == rule["type"] for kind, _ in side) for side in (prod, stg))
    if prod_count < stg_count:
        message = f"{rule['topic']}: {prod_count} of {rule['type']} in prod and {stg_count} in stg"
        yield Weakness(("", ""), "the stack", "", "", message)


def _weaker_values(
    rule: Mapping[str, Any],
    prod: Resources,
    compared: Resources,
    stg: Resources,
    prod_before: Resources,
) -> Iterator[Weakness]:
    """Yield the values of prod that are weaker than those of stg, for the keys in `compared`.

    A value that cannot be compared counts as weaker if only the deployment determines it, or if the value
    before the change could be compared: so it does not hide a weaker value.
    """
    for key, resource in compared.items():
        if key[0] != rule["type"] or not rule.get("where", {}).items() <= resource.values.items():
            continue
        owners = [resource, *(side[key] for side in (prod, prod_before) if key in side)]
        for item in _items(rule, owners):
            sides = prod.get(key), prod_before.get(key), stg.get(key)
            # The values of secrets count, but a message only has what a report shows, also of an item's ID.
            shown = [_compared_value(side and side.inputs, rule, item) for side in sides]
            known = [_compared_value(side and side.values, rule, item) for side in sides]
            values = shown if item.identifier else known
            shown = known if rule.get("count") else shown
            yield from _weaker_value(rule, key, resource.name, item, values, shown)


def _weaker_value(
    rule: Mapping[str, Any], key: Key, name: str, item: Item, values: Sequence[Any], shown: Sequence[Any]
) -> Iterator[Weakness]:
    """Yield the value of prod, or of an item of its list, if it is weaker than the value of stg.

    `values` are those of prod, of prod before the change, and of stg; `shown` are those that a report shows.
    """
    prod_value, old_value, stg_value = values
    path = f'{rule["path"]}["{item.identifier}"].{rule["part"]}' if item.identifier else rule["path"]
    stg_strength = _strength(stg_value, rule)
    strength = _strength(prod_value, rule)
    if stg_strength is None:
        return
    if strength is None:
        is_weaker = LATER in str(prod_value) or _strength(old_value, rule) is not None
    else:
        is_weaker = strength < stg_strength
    if is_weaker:
        value, stronger = _shown(shown[0], strength), _shown(shown[2], stg_strength)
        message = f"{rule['topic']}: {path} is {value} in prod and {stronger} in stg"
        yield Weakness(key, name, path, value, message, item.scope)


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

    A rule may compare the number of different items of a list, or a part of the enabled item with an ID. A
    date in place of that part (`date`) is the value, too. MISSING stands for an item that is not there.
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


def _shown(value: Any, strength: float | None) -> str:
    """Return a value as a string; for a server's configuration, its TLS version."""
    if is_map(value):
        return LATER if LATER in str(value) else "not comparable" if strength is None else str(strength)
    return as_text(value) or "absent"


def _strength(value: Any, rule: Mapping[str, Any]) -> float | None:
    """Return a value as a number, or None if the value cannot be compared.

    The number for a server's configuration is the oldest TLS version that it allows.
    """
    protocols = re.findall(r"ssl_protocols([^;]*);", str(value))
    if versions := re.findall(r"TLSv(1(?:\.\d)?)", " ".join(protocols)):
        return min(map(float, versions))
    numeric = isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value))
    number = float(value) if numeric else None
    if "date" in rule and DATE.match(str(value)):
        number = 0  # From then on, every object expires at once.
    strength = rule.get("values", {}).get(as_text(value) or "absent", number)
    return -strength if strength is not None and rule.get("lower_is_stronger") else strength
