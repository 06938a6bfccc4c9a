"""Comparison of prod with stg: replicas, TLS versions, availability zones, retention and alerts."""

import json
import math
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from policies.model.tls.nginx import COMMANDS, OVERRIDING, PROTOCOLS
from policies.model.tls.nginx_parser import NotNginxError, parse, walk
from review.model import EXISTING, NEW, REVIEW_RULES, Finding
from review.objects.owners import find_owner, has_other_object
from review.objects.parts import object_inputs
from review.plain_data import as_key, as_text, is_list, is_map, value_at
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.summary import LATER, MASK

Key = tuple[str, str]
"""The type and the name of a resource, which are equal in several stacks."""

Resources = Mapping[Key, Resource]
"""Resources by key."""


DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""Start of a date, at which S3 begins to delete all objects of any age
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html).
"""

TLS_VERSIONS = {"sslv2": 0.0, "sslv3": 0.0, "tlsv1": 1.0, "tlsv1.1": 1.1, "tlsv1.2": 1.2, "tlsv1.3": 1.3}
"""Strength of each argument of `ssl_protocols`, whose case nginx ignores (ngx_conf_file.c:
ngx_conf_set_bitmask_slot).
"""

MISSING = "missing"
"""Value of an item that a list lacks, for a rule with a strength for it."""

EACH = "[*]"
"""End of a step of a path that stands for each member of a list."""

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

    `key` is that of the resource. The item and the strengths of both stacks tell weaknesses apart whose
    messages are equal, since these mask secrets.
    """

    key: Key
    name: str
    path: str
    value: str
    message: str
    item: "Item | None" = None
    strengths: tuple[Strength | None, ...] = ()


class Item(NamedTuple):
    """An item of a compared list: its ID or place, and what limits it, such as the filter of a lifecycle."""

    identifier: str | int
    scope: str


class Entry(NamedTuple):
    """An item of a compared list, its value, which may have secrets, and the value that a report shows."""

    item: Item
    value: Mapping[str, Any]
    shown: Any


class Several(NamedTuple):
    """Different values that a list has for one item, or that the members of a list inside of it have."""

    values: Sequence[Any]


class Compared(NamedTuple):
    """A compared value, which may have secrets, and what a message quotes in its place."""

    value: Any
    shown: Any


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
        lists = [_entries(member, rule) for member in members]
        for item, label in _items(rule, lists) if owners else ():
            compared = [
                _compared_value(member, rule, item, entries.get(item, ()) if item else ())
                for member, entries in zip(members, lists, strict=True)
            ]
            values = [side.value for side in compared]
            strength, old_strength = (_strength(value, rule, min) for value in values[:2])
            # If stg has several values for an item, it may keep the data as long as the strongest says.
            stg_strength, stg_before = (_strength(value, rule, max) for value in values[2:])
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
                value = _shown(compared[0], strength)
                remark = BEFORE if is_lost or is_former else ""
                path = f'{rule["path"]}["{label}"].{rule["part"]}' if item else rule["path"]
                message = f"{rule['topic']}: {path} is {value} in prod and "
                message += f"{_shown(compared[3 if is_former else 2], stronger)} in stg{remark}"
                yield Weakness(key, owners[0].name, path, value, message, item, (strength, stronger))


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


def _items(
    rule: Mapping[str, Any], lists: Iterable[Mapping[Item, Sequence[Entry]]]
) -> list[tuple[Item | None, str]]:
    """Return all items of these lists, each with its ID for a message; one without item for a whole value."""
    if "part" not in rule:
        return [(None, "")]
    labels = {item: _label(entries[0], rule) for members in lists for item, entries in members.items()}
    items = sorted(labels, key=lambda item: (isinstance(item.identifier, int), item))
    return [(item, labels[item]) for item in items]


def _entries(resource: Resource | None, rule: Mapping[str, Any]) -> Mapping[Item, list[Entry]]:
    """Return the objects in a list, each identified by its known ID; without one, by its place."""
    if not resource or "part" not in rule:
        return {}
    values, shown = (value_at(side, rule["path"]) for side in (resource.values, resource.inputs))
    if not is_list(values):
        return {}
    if not is_list(shown) or len(shown) != len(values):
        shown = [MASK] * len(values)
    entries: dict[Item, list[Entry]] = {}
    for place, (member, shown_member) in enumerate(zip(values, shown, strict=True), start=1):
        if is_map(member):
            identifier = member.get(_id_name(rule))
            limits = {name: _without_empty(member.get(name)) for name in rule.get("scope", ())}
            scope = json.dumps(_without_empty(limits), sort_keys=True)
            item = Item(identifier if isinstance(identifier, str) else place, scope)
            entries.setdefault(item, []).append(Entry(item, member, shown_member))
    return entries


def _id_name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("named", "id"))


def _label(entry: Entry, rule: Mapping[str, Any]) -> str:
    """Return the ID or the place of an item as a message shows it."""
    if isinstance(entry.item.identifier, int):
        return f"item {entry.item.identifier}"
    identifier = entry.shown.get(_id_name(rule)) if is_map(entry.shown) else MASK
    return identifier if isinstance(identifier, str) else MASK


def _without_empty(value: Any) -> Any:
    """Return a value without empty members, such as the prefix of all objects."""
    if not is_map(value):
        return value
    members = {name: _without_empty(member) for name, member in value.items()}
    return {name: member for name, member in members.items() if member not in (None, "", {}, [])}


def _compared_value(
    resource: Resource | None, rule: Mapping[str, Any], item: Item | None, entries: Sequence[Entry]
) -> Compared:
    """Return the value at the rule's path, together with the texts at the path of encoded entries.

    The rule's `default` is the value of an input that a resource lacks. A rule may compare the number of
    different items of a list, or a part of the enabled `entries` of an item. MISSING stands for an item
    that is not there. A list with something else than objects has no such items, and cannot be compared.
    """
    values, inputs = (resource.values, resource.inputs) if resource else (None, None)
    value, shown = value_at(values, rule["path"]), value_at(inputs, rule["path"])
    if item and (value is None or (is_list(value) and all(map(is_map, value)))):
        entries = [entry for entry in entries if _is_enabled(entry.value)]
        if not entries and MISSING in rule["values"]:
            return Compared(MISSING, MISSING)
        parts = [part for entry in entries for part in _parts(entry.value, rule)]
        shown_parts = [part for entry in entries for part in _parts(entry.shown, rule)]
        is_counted = rule.get("count") and all(isinstance(part, int) for part in parts)
        return Compared(_join(parts), _join(parts if is_counted else shown_parts))
    if value is None and resource and "default" in rule:
        return Compared(rule["default"], rule["default"])
    if rule.get("count") and is_list(value):
        number = _number_of_items(value, rule)
        return Compared(number, shown if number is value else number)
    encoded = value_at(values, rule["encoded"]) if "encoded" in rule else None
    if encoded is None:
        return Compared(value, shown)
    files = encoded.values() if is_map(encoded) else [encoded]
    return Compared({"plain": value, "encoded": [_decoded(str(file)) for file in files]}, {})


def _join(values: Sequence[Any]) -> Any:
    """Return a value that is the only one; else all different ones."""
    different = list({as_key(value): value for value in values}.values()) or [None]
    return different[0] if len(different) == 1 else Several(different)


def _parts(member: Any, rule: Mapping[str, Any]) -> list[Any]:
    """Return the values of the compared part of an item, and the date in place of that part.

    An empty date counts as none, as in AWS.
    """
    parts = _values_at(member, rule["part"])
    if rule.get("count"):
        parts = [_number_of_items(part, rule) if is_list(part) else part for part in parts]
    dates = _values_at(member, rule["date"]) if "date" in rule else []
    dates = [date for date in dates if date not in (None, "")]
    return dates + [part for part in parts if part is not None or not dates]


def _values_at(value: Any, path: str) -> list[Any]:
    """Return the values at a path, in which `[*]` stands for each member of a list.

    What should have members and is something else, such as an unknown value, cannot be compared.
    """
    if not path or value is None or value in (LATER, MASK):
        return [value]
    if not is_map(value):
        return [[value]]
    name, _, rest = path.partition(".")
    inner = value.get(name.removesuffix(EACH))
    if name.endswith(EACH) and is_list(inner):
        return [part for member in inner for part in _values_at(member, rest)] or [None]
    return _values_at(inner, rest)


def _number_of_items(items: list[Any], rule: Mapping[str, Any]) -> Any:
    """Return the number of different items; the list itself if some may be no item, or several.

    With `identified`, an item is an object with this input only.
    """
    name = rule.get("identified")
    if LATER in str(items) or (name and any(not is_map(item) or item.keys() != {name} for item in items)):
        return items
    return len({as_key(item) for item in items})


def _is_enabled(member: Mapping[str, Any]) -> bool:
    return member.get("status") != "Disabled" and member.get("enabled") is not False


def _decoded(text: str) -> str:
    """Return a Base64 text with every byte that is not UTF-8 replaced; any other string unchanged."""
    try:
        return b64decode(text, validate=True).decode(errors="replace")
    except ValueError:
        return text


def _shown(compared: Compared, strength: Strength | None) -> str:
    """Return a value as a string; for a server's configuration, its TLS version."""
    value, shown = compared
    if isinstance(shown, Several):
        return " and ".join(_shown(Compared(part, part), strength) for part in shown.values)
    if is_map(shown) or is_list(shown):
        number = "not comparable" if strength is None else str(strength.number)
        return LATER if LATER in str(value) else number
    return as_text(shown) or "absent"


def _strength(
    value: Any, rule: Mapping[str, Any], choose: Callable[[Sequence[Strength]], Strength]
) -> Strength | None:
    """Return a value as a number, or None if the value cannot be compared.

    `choose` returns the one of several strengths that counts, such as the weakest. The number for a server's
    configuration is the oldest TLS version that it allows.
    """
    if isinstance(value, Several):
        strengths = [strength for part in value.values if (strength := _strength(part, rule, choose))]
        is_comparable = len(strengths) == len(value.values) and all(
            _are_comparable(strengths[0], strength) for strength in strengths
        )
        return choose(strengths) if is_comparable else None
    if "encoded" in rule and value is not None:
        return _oldest_version(value)
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", str(int(value) if isinstance(value, bool) else value))
    strength = Strength(float(number[1]), number[2]) if number else None
    if "date" in rule and DATE.match(str(value)):
        strength = Strength(0)  # From then on, every object expires at once.
    special = rule.get("values", {}).get(as_text(value) or "absent")
    strength = strength if special is None else Strength(special)
    if strength and rule.get("lower_is_stronger"):
        return strength._replace(number=-strength.number)
    return strength


def _oldest_version(files: Any) -> Strength | None:
    """Return the oldest TLS version in a server's files; None without one, or if a file is not clear.

    The policies' parser reads the files. A comment may be between the arguments of a directive, and commands
    of OpenSSL override the listed versions.
    """
    versions: list[float | None] = []
    for text in _texts(files):
        if not any(name in text for name in ("ssl_protocols", "ssl_conf_command")):
            continue
        try:
            directives = [*walk(parse(text))]
        except NotNginxError:
            return None
        for directive in directives:
            if directive.name in PROTOCOLS:
                versions += [TLS_VERSIONS.get(version.lower()) for version in directive.args] or [None]
            elif (
                directive.name in COMMANDS and directive.args[:1] and directive.args[0].lower() in OVERRIDING
            ):
                return None
    known = [version for version in versions if version is not None]
    return Strength(min(known)) if known and len(known) == len(versions) else None


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value."""
    if isinstance(value, str):
        yield value
    members = value.values() if is_map(value) else value if is_list(value) else ()
    for member in members:
        yield from _texts(member)
