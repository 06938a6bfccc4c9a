"""Comparison of prod with stg: replicas, TLS versions, availability zones, retention and alerts."""

import json
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from review.model import EXISTING, NEW, REVIEW_RULES, Finding
from review.plain_data import as_text, is_list, is_map, value_at
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER

Resources = Mapping[tuple[str, str], Resource]
"""Resources by key."""


DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""Start of a date, at which S3 begins to delete all objects of any age
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html).
"""


class Weakness(NamedTuple):
    """A value in prod that is weaker than the value in stg; without a path, a number of resources.

    `key` is that of the resource.
    """

    key: tuple[str, str]
    name: str
    path: str
    value: str
    message: str


def find_weaker(prod: Stack, stg: Stack) -> Iterator[Finding]:
    """Yield a finding for each weakness of prod compared with stg; weaknesses that the base lacks block."""
    comparable = bool(prod.old and stg.old)
    before = set(_weaknesses(prod.old, stg.old, {})) if comparable else set[Weakness]()
    for weakness in _weaknesses(prod.new, stg.new, prod.old):
        new = comparable and weakness not in before
        resource, old = prod.new.get(weakness.key), prod.old.get(weakness.key)
        old_value = as_text(value_at(old.inputs, weakness.path)) if old else None
        yield Finding(
            stacks=["prod"],
            type=weakness.key[0],
            name=weakness.name,
            locations=resource.locations if resource else [],
            message=weakness.message,
            policy="prod-weaker-than-stg",
            level="mandatory" if new else "advisory",
            blocks=new,
            status=NEW if new else EXISTING,
            setting=prod.file.find_setting(weakness.path, old_value, weakness.value, weakness.name),
        )


def _weaknesses(prod: Resources, stg: Resources, prod_before: Resources) -> Iterator[Weakness]:
    """Yield the weaknesses of prod; `prod_before` are its resources before the change."""
    for rule in REVIEW_RULES["strength"]:
        if "path" in rule:
            yield from _weaker_values(rule, prod, stg, prod_before)
        else:
            yield from _fewer_resources(rule, prod, stg)


def _fewer_resources(rule: Mapping[str, Any], prod: Resources, stg: Resources) -> Iterator[Weakness]:
    prod_count, stg_count = (sum(kind == rule["type"] for kind, _ in side) for side in (prod, stg))
    if prod_count < stg_count:
        message = f"{rule['topic']}: {prod_count} of {rule['type']} in prod and {stg_count} in stg"
        yield Weakness(("", ""), "the stack", "", "", message)


def _weaker_values(
    rule: Mapping[str, Any], prod: Resources, stg: Resources, prod_before: Resources
) -> Iterator[Weakness]:
    """Yield the values of prod that are weaker than those of stg.

    A value that cannot be compared counts as weaker if only the deployment determines it, or if the value
    before the change could be compared: so it does not hide a weaker value.
    """
    for key, resource in stg.items():
        if key[0] != rule["type"] or not rule.get("where", {}).items() <= resource.values.items():
            continue
        owners = [resource, *(side[key] for side in (prod, prod_before) if key in side)]
        for item in _items(rule, owners):
            sides = prod.get(key), prod_before.get(key), stg[key]
            # The values of secrets count, but a message only has what a report shows, also of an item's ID.
            shown = [_compared_value(side and side.inputs, rule, item) for side in sides]
            known = [_compared_value(side and side.values, rule, item) for side in sides]
            values = shown if item else known
            yield from _weaker_value(rule, resource, item, values, known if rule.get("count") else shown)


def _weaker_value(
    rule: Mapping[str, Any], resource: Resource, item: str, values: Sequence[Any], shown: Sequence[Any]
) -> Iterator[Weakness]:
    """Yield the value of prod, or of an item of its list, if it is weaker than the value of stg.

    `values` are those of prod, of prod before the change, and of stg; `shown` are those that a report shows.
    """
    prod_value, old_value, stg_value = values
    path = f'{rule["path"]}["{item}"].{rule["part"]}' if item else rule["path"]
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
        yield Weakness(resource.key, resource.name, path, value, message)


def _items(rule: Mapping[str, Any], owners: Iterable[Resource]) -> list[str]:
    """Return the identifiers of all items of a list; one empty text for a rule on a whole value."""
    if "part" not in rule:
        return [""]
    lists = (value_at(owner.inputs, rule["path"]) for owner in owners)
    return sorted({identifier for value in lists if is_list(value) for identifier, _ in _members(value)})


def _members(items: Iterable[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the objects in a list, each with its ID; without one, with its place."""
    for place, item in enumerate(items, start=1):
        if is_map(item):
            identifier = item.get("id")
            yield (identifier if isinstance(identifier, str) else f"item {place}"), item


def _compared_value(inputs: Mapping[str, Any] | None, rule: Mapping[str, Any], item: str) -> Any:
    """Return the value at the rule's path, together with the texts at the path of encoded entries.

    A rule may compare the number of different items of a list, or a part of the enabled item with an ID. A
    date in place of that part (`date`) is the value, too.
    """
    if inputs is None:
        return None
    value = value_at(inputs, rule["path"])
    if rule.get("count") and is_list(value) and LATER not in str(value):
        return len({json.dumps(member, sort_keys=True) for member in value})
    if item and (is_list(value) or value is None):
        members = (member for identifier, member in _members(value or ()) if identifier == item)
        enabled = next(filter(_is_enabled, members), None)
        date = value_at(enabled, rule["date"]) if "date" in rule else None
        return value_at(enabled, rule["part"]) if date is None else date
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
