"""Comparison of prod with stg: replicas, TLS versions, availability zones, retention and alerts."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from review.model import EXISTING, NEW, REVIEW_RULES, Finding
from review.plain_data import as_text, is_map, value_at
from review.stacks.resources import Resource
from review.stacks.stack import Stack

Resources = Mapping[tuple[str, str], Resource]
"""Resources by type and name."""


class Weakness(NamedTuple):
    """A value in prod that is weaker than the value in stg; without a path, a number of resources."""

    type: str
    name: str
    path: str
    value: str
    message: str


def find_weaker(prod: Stack, stg: Stack) -> Iterator[Finding]:
    """Yield a finding for each weakness of prod compared with stg; weaknesses that the base lacks block."""
    comparable = bool(prod.old and stg.old)
    before = set(_weaknesses(prod.old, stg.old)) if comparable else set[Weakness]()
    for weakness in _weaknesses(prod.new, stg.new):
        new = comparable and weakness not in before
        key = weakness.type, weakness.name
        resource, old = prod.new.get(key), prod.old.get(key)
        old_value = as_text(value_at(old.inputs, weakness.path)) if old else None
        yield Finding(
            stacks=["prod"],
            type=weakness.type,
            name=weakness.name,
            locations=resource.locations if resource else [],
            message=weakness.message,
            policy="prod-weaker-than-stg",
            level="mandatory" if new else "advisory",
            blocks=new,
            status=NEW if new else EXISTING,
            setting=prod.file.find_setting(weakness.path, old_value, weakness.value, weakness.name),
        )


def _weaknesses(prod: Resources, stg: Resources) -> Iterator[Weakness]:
    for rule in REVIEW_RULES["strength"]:
        yield from _weaker_values(rule, prod, stg) if "path" in rule else _fewer_resources(rule, prod, stg)


def _fewer_resources(rule: Mapping[str, Any], prod: Resources, stg: Resources) -> Iterator[Weakness]:
    prod_count, stg_count = (sum(kind == rule["type"] for kind, _ in side) for side in (prod, stg))
    if prod_count < stg_count:
        message = f"{rule['topic']}: {prod_count} of {rule['type']} in prod and {stg_count} in stg"
        yield Weakness("", "the stack", "", "", message)


def _weaker_values(rule: Mapping[str, Any], prod: Resources, stg: Resources) -> Iterator[Weakness]:
    path = rule["path"]
    for (kind, name), resource in stg.items():
        if kind != rule["type"] or not rule.get("where", {}).items() <= resource.inputs.items():
            continue
        prod_value = value_at(prod[kind, name].inputs, path) if (kind, name) in prod else None
        stg_value = value_at(resource.inputs, path)
        prod_strength, stg_strength = _strength(prod_value, rule), _strength(stg_value, rule)
        if prod_strength is not None and stg_strength is not None and prod_strength < stg_strength:
            value = _shown(prod_value, prod_strength)
            message = (
                f"{rule['topic']}: {path} is {value} in prod and {_shown(stg_value, stg_strength)} in stg"
            )
            yield Weakness(kind, name, path, value, message)


def _shown(value: Any, strength: float) -> str:
    """Return a value as a string; for a server's configuration, its TLS version."""
    return str(strength) if is_map(value) else as_text(value) or "absent"


def _strength(value: Any, rule: Mapping[str, Any]) -> float | None:
    """Return a value as a number, or None if the value cannot be compared.

    The number for a server's configuration is the oldest TLS version that it allows.
    """
    protocols = re.findall(r"ssl_protocols([^;]*);", str(value))
    if versions := re.findall(r"TLSv(1(?:\.\d)?)", " ".join(protocols)):
        return min(map(float, versions))
    numeric = isinstance(value, bool) or re.fullmatch(r"\d+(\.\d+)?", str(value))
    number = float(value) if numeric else None
    strength = rule.get("values", {}).get(as_text(value) or "absent", number)
    return -strength if strength is not None and rule.get("lower_is_stronger") else strength
