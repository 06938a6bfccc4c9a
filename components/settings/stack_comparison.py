"""Checks across stacks for settings that must be equal, or unique, or true in exactly one stack."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeAlias, cast

from components.settings.config_commands import KeyPath, remove_command, set_command
from components.settings.errors import SettingFault, format_value, invalid_value
from components.settings.stack import Settings

Stacks: TypeAlias = Mapping[str, Settings]

StackFault: TypeAlias = tuple[str, SettingFault]
"""The name of a stack, and a fault of its stack file."""


def compare_stacks(stacks: Stacks, *, partial: bool) -> Iterator[StackFault]:
    """Yield the faults that only a comparison finds.

    If the settings are partial, a check that reads a missing value is ignored, as in `check_settings`.
    """
    for check in (check_zone_owner, check_zone_settings, check_unique_values):
        try:
            yield from check(stacks)
        except AttributeError:
            if not partial:
                raise


def environments_by_account(stacks: Stacks) -> dict[str, list[str]]:
    """Return the stacks of each AWS account that several stacks share."""
    accounts: dict[str, list[str]] = {}
    for stack, settings in stacks.items():
        with suppress(AttributeError):  # A partial file may lack the account.
            accounts.setdefault(settings.service.account, []).append(stack)
    return {account: names for account, names in accounts.items() if len(names) > 1}


def check_zone_owner(stacks: Stacks) -> Iterator[StackFault]:
    """Refuse a zone with no owner or with several owners."""
    zones = {stack: settings.edge.zone_name for stack, settings in stacks.items()}
    owners = {stack: settings.edge.zone.owned for stack, settings in stacks.items()}
    yield from _require_exactly_one(stacks, zones, owners, ("pipe:edge", "zone", "owned"))


def check_zone_settings(stacks: Stacks) -> Iterator[StackFault]:
    """Refuse zone settings that differ from those of the owning stack, which are the only ones applied."""
    for owner, stack in permutations(stacks, 2):
        owner_edge, edge = stacks[owner].edge, stacks[stack].edge
        if not owner_edge.zone.owned or edge.zone.owned or edge.zone_name != owner_edge.zone_name:
            continue
        expected = owner_edge.zone.model_dump(by_alias=True, exclude={"owned"})
        zone = edge.zone.model_dump(by_alias=True, exclude={"owned"})
        for fault in _differences(("pipe:edge", "zone"), zone, expected, owner):
            yield stack, fault


def check_unique_values(stacks: Stacks) -> Iterator[StackFault]:
    """Refuse a value that two stacks share, although it must be unique in an account, a zone or all of S3."""
    for unique in UNIQUE_VALUES:
        stack_of_value: dict[str, str] = {}
        for stack in _protected_first(stacks):
            value = unique.read(stacks[stack])
            if value in stack_of_value:
                allowed = f"a value different from the one in Pulumi.{stack_of_value[value]}.yaml"
                fix = set_command(unique.path, unique.alternative(stack, stacks[stack]))
                yield stack, invalid_value(unique.path, value, allowed, fix)
            stack_of_value.setdefault(value, stack)


@dataclass(frozen=True)
class UniqueValue:
    """A setting whose value must differ between any two stacks."""

    path: KeyPath
    read: Callable[[Settings], str]
    """Returns the value."""
    alternative: Callable[[str, Settings], str]
    """Returns another value for the stack with this name."""


UNIQUE_VALUES = (
    UniqueValue(
        ("pipe:service", "environment"),
        lambda settings: settings.service.environment,
        lambda stack, _: stack,
    ),
    UniqueValue(
        ("pipe:edge", "host"),
        lambda settings: settings.edge.host,
        lambda stack, settings: f"{stack}.{settings.edge.zone_name}",
    ),
    UniqueValue(
        ("pipe:edge", "frontendHost"),
        lambda settings: settings.edge.frontend_host,
        lambda stack, settings: f"app-{stack}.{settings.edge.zone_name}",
    ),
    UniqueValue(
        ("pipe:backups", "bucket"),
        lambda settings: settings.backups.bucket,
        lambda stack, settings: f"{settings.backups.bucket}-{stack}",
    ),
    UniqueValue(
        ("pipe:backups", "replica", "bucket"),
        lambda settings: settings.backups.replica.bucket,
        lambda stack, settings: f"{settings.backups.replica.bucket}-{stack}",
    ),
)


def _protected_first(stacks: Stacks) -> list[str]:
    """Return the names of the stacks, protected ones first, since they keep a value that must be unique."""
    return sorted(stacks, key=lambda stack: not stacks[stack].service.protect)


def _require_exactly_one(
    stacks: Stacks, groups: Mapping[str, str], flags: Mapping[str, bool], path: KeyPath
) -> Iterator[StackFault]:
    """Refuse a group of stacks unless the flag at `path` is true in exactly one of them."""
    for group in dict.fromkeys(groups.values()):
        members = [stack for stack in _protected_first(stacks) if groups[stack] == group]
        flagged = [stack for stack in members if flags[stack]]
        for stack in flagged[1:]:
            allowed = f"false, since it is true in Pulumi.{flagged[0]}.yaml for {group}"
            yield stack, invalid_value(path, True, allowed, set_command(path, False))
        if not flagged:
            allowed = f"true in exactly one stack of {group}"
            yield members[0], invalid_value(path, False, allowed, set_command(path, True))


def _differences(path: KeyPath, value: Any, expected: Any, owner: str) -> Iterator[SettingFault]:
    """Yield a fault for each key that differs.

    A key that one side lacks is skipped, since an invalid value is missing and already has a fault.
    """
    if isinstance(expected, dict):
        for key, inner in cast(dict[str, Any], expected).items():
            if key in value:
                yield from _differences((*path, key), value[key], inner, owner)
    elif value != expected:
        allowed = f"{format_value(expected)}, as in Pulumi.{owner}.yaml, which owns the zone"
        yield invalid_value(path, value, allowed, _equalizing_command(path, value, expected))


def _equalizing_command(path: KeyPath, value: Any, expected: Any) -> str:
    """Return the command that sets the expected value; for lists, it changes the first different entry."""
    if not isinstance(expected, list):
        return set_command(path, expected)
    entries = cast(list[Any], expected)
    for index, entry in enumerate(entries):
        if index >= len(value) or value[index] != entry:
            return set_command((*path, index), entry)
    return remove_command((*path, len(entries)))
