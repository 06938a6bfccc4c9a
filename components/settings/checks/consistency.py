"""What no stack file can say alone: which stacks do not go together."""

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any, TypeAlias, cast

from components.settings.errors import Fault, remove, set_to, shown, wrong
from components.settings.json_schema import KeyPath
from components.settings.stack import Settings

Stacks: TypeAlias = Mapping[str, Settings]

StackFault: TypeAlias = tuple[str, Fault]
"""The stack whose file is to be changed, and why."""


def across(stacks: Stacks, *, partial: bool) -> Iterator[StackFault]:
    """The faults that only show in comparison; of partial settings, as far as they go (see `check`)."""
    for each in (zone_owner, integration, zone_settings, names):
        try:
            yield from each(stacks)
        except AttributeError:
            if not partial:
                raise


def zone_owner(stacks: Stacks) -> Iterator[StackFault]:
    """What a zone has only once is set by one stack."""
    zones = {name: s.edge.zone_name for name, s in stacks.items()}
    owners = {name: s.edge.zone.owned for name, s in stacks.items()}
    yield from _exactly_one(stacks, zones, owners, ("pipe:edge", "zone", "owned"))


def integration(stacks: Stacks) -> Iterator[StackFault]:
    """Datadog reads an account once."""
    accounts = {name: s.service.account for name, s in stacks.items()}
    readers = {name: s.monitoring.integration for name, s in stacks.items()}
    yield from _exactly_one(stacks, accounts, readers, ("pipe:monitoring", "integration"))


def zone_settings(stacks: Stacks) -> Iterator[StackFault]:
    """A stack that does not own the zone says the same of it as the owner: nothing else is applied."""
    for owner, name in permutations(stacks, 2):
        theirs, ours = stacks[owner].edge, stacks[name].edge
        if theirs.zone.owned and not ours.zone.owned and ours.zone_name == theirs.zone_name:
            one, other = (edge.zone.model_dump(by_alias=True, exclude={"owned"}) for edge in (ours, theirs))
            for fault in _differences(("pipe:edge", "zone"), one, other, owner):
                yield name, fault


def names(stacks: Stacks) -> Iterator[StackFault]:
    """What is unique in an account, a zone or all of S3 is another name in each stack."""
    for path, value_of, other in UNIQUE:
        first: dict[str, str] = {}
        for name in _by_rank(stacks):
            settings = stacks[name]
            value = value_of(settings)
            if value in first:
                allowed = f"another value than in Pulumi.{first[value]}.yaml"
                yield name, wrong(path, value, allowed, set_to(path, other(name, settings)))
            first.setdefault(value, name)


UNIQUE: list[tuple[KeyPath, Callable[[Settings], str], Callable[[str, Settings], str]]] = [
    (("pipe:service", "environment"), lambda s: s.service.environment, lambda name, _: name),
    (("pipe:edge", "host"), lambda s: s.edge.host, lambda name, s: f"{name}.{s.edge.zone_name}"),
    (
        ("pipe:edge", "frontendHost"),
        lambda s: s.edge.frontend_host,
        lambda name, s: f"app-{name}.{s.edge.zone_name}",
    ),
    (("pipe:backups", "bucket"), lambda s: s.backups.bucket, lambda name, s: f"{s.backups.bucket}-{name}"),
    (
        ("pipe:backups", "replica", "bucket"),
        lambda s: s.backups.replica.bucket,
        lambda name, s: f"{s.backups.replica.bucket}-{name}",
    ),
]
"""Each with its value in a stack, and another for the stack that has it second."""


def _by_rank(stacks: Stacks) -> list[str]:
    """Protected stacks first: what is there once is theirs."""
    return sorted(stacks, key=lambda name: not stacks[name].service.protect)


def _exactly_one(
    stacks: Stacks, groups: Mapping[str, str], chosen: Mapping[str, bool], path: KeyPath
) -> Iterator[StackFault]:
    for group in dict.fromkeys(groups.values()):
        members = [name for name in _by_rank(stacks) if groups[name] == group]
        having = [name for name in members if chosen[name]]
        for name in having[1:]:
            allowed = f"false: Pulumi.{having[0]}.yaml has it for {group}"
            yield name, wrong(path, True, allowed, set_to(path, False))
        if not having:
            yield members[0], wrong(path, False, f"true in exactly one stack of {group}", set_to(path, True))


def _differences(path: KeyPath, ours: Any, theirs: Any, owner: str) -> Iterator[Fault]:
    """Compare what both have: partial settings lack a faulty value, which has a fault of its own already."""
    if isinstance(theirs, dict):
        for key, value in cast(dict[str, Any], theirs).items():
            if key in ours:
                yield from _differences((*path, key), ours[key], value, owner)
    elif ours != theirs:
        allowed = f"as in Pulumi.{owner}.yaml, which owns the zone: {shown(theirs)}"
        yield wrong(path, ours, allowed, _first_step(path, ours, theirs))


def _first_step(path: KeyPath, ours: Any, theirs: Any) -> str:
    """The command that makes one value equal; of lists, the first entry that differs."""
    if not isinstance(theirs, list):
        return set_to(path, theirs)
    theirs = cast(list[Any], theirs)
    for index, entry in enumerate(theirs):
        if index >= len(ours) or ours[index] != entry:
            return set_to((*path, index), entry)
    return remove((*path, len(theirs)))
