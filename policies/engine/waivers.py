"""Waivers: temporary exceptions for findings, with an owner and an expiry date."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from reprlib import Repr
from typing import Any, cast

from policies.engine.configuration import nearest

own_file = Path(__file__).parents[1] / "waivers.yaml"
"""The file of the pack's waivers. A pack in another folder sets it (policies/program.py).

No variable of the environment does, since a deployment hands its own environment to the pack, and imports
modules that a program may change.
"""

LONGEST = 180
"""The maximum number of days between today and the expiry date of a waiver."""

_TEXTS = ("reason", "owner", "ticket")
_KEYS = (*_TEXTS, "expires", "match")
_LISTS = ("policies", "targets")

URN_PREFIX = "urn:"
SEPARATOR, PARTS = "::", 4
"""Separator and number of the parts of a URN: `urn:pulumi:STACK::PROJECT::TYPE::NAME`. Only the name may
contain the separator (pulumi/pulumi, sdk/go/common/resource/urn/urn.go: Name).
"""

Entry = tuple[str, str]
"""A policy and a target of a waiver. The target is a URN or a name, and may contain `*`."""
Needed = set[tuple[int, Entry]]
"""Entries that cover a finding, each with the index of its waiver in the file."""


def utc_day() -> date:
    """Return the current day in UTC, so that a laptop and CI agree about expiry."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Waiver:
    """An exception for certain findings, with a reason, an owner, a ticket and an expiry date."""

    reason: str
    owner: str
    ticket: str
    expires: date
    match: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """Groups of policies, each with the targets to which they apply."""
    index: int = 0
    """The index of the waiver in the file."""

    def days_left(self, today: date) -> int:
        """Return the days until the expiry date; the waiver is valid until the end of that day in UTC."""
        return (self.expires - today).days

    def expired(self, today: date) -> bool:
        return self.expires < today

    def entries(self, policy: str, urn: str) -> Iterator[Entry]:
        """Yield the entries of this waiver that cover a finding."""
        for policies, targets in self.match:
            if policy in policies:
                yield from ((policy, target) for target in targets if is_target(urn, target))

    def notice(self, today: date) -> str:
        """Return the line that a message shows above a waived finding."""
        days = self.days_left(today)
        left = "last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
        return f"waived until {self.expires} ({left}): {self.reason} ({self.owner}, {self.ticket})"

    def lapsed(self) -> str:
        """Return the line that a message shows below a finding whose waiver has expired."""
        return f"its waiver expired on {self.expires}: {self.reason} ({self.owner}, {self.ticket})"

    def unneeded(self, prefix: str, needed: Needed) -> list[str]:
        """Return a message for every entry that covers no finding in the stack with this URN prefix."""
        used = {entry for index, entry in needed if index == self.index}
        endings: list[str] = []
        alive = False
        for policies, targets in self.match:
            own = [target for target in targets if _meant_for(prefix, target)]
            unused_policies = [
                name for name in policies if own and not used & {(name, target) for target in own}
            ]
            unused_targets = [target for target in own if not used & {(name, target) for name in policies}]
            alive = alive or not own or len(unused_targets) < len(own)
            endings += [
                f" of the policy {name}; remove the policy from the waiver" for name in unused_policies
            ]
            endings += [
                f" of the target {target}; remove the target from the waiver" for target in unused_targets
            ]
        if endings and not alive:
            endings = ["; remove the waiver"]
        start = f"the waiver of {self.owner} ({self.ticket}: {self.reason}) covers no finding"
        return [f"{start}{ending}" for ending in endings]


def _meant_for(prefix: str, target: str) -> bool:
    """Return True if a target can match a resource of the stack with this URN prefix."""
    start = target.partition("*")[0]
    return prefix.startswith(start) or start.startswith(prefix)


def is_target(urn: str, target: str) -> bool:
    """Return True if a target of a waiver covers a URN or a name.

    Each part of a target is about the same part of a URN. Otherwise, a resource that a program newly calls
    `x::backups` would have the waiver of `backups`.
    """
    parts, patterns = _parts(urn), _parts(target)
    return len(parts) == len(patterns) and all(
        fnmatchcase(part, _literal(pattern)) for part, pattern in zip(parts, patterns, strict=True)
    )


def _parts(text: str) -> list[str]:
    """Return the parts of a URN; a name has one part."""
    return text.split(SEPARATOR, PARTS - 1) if text.startswith(URN_PREFIX) else [text]


def _literal(target: str) -> str:
    """Escape a target for fnmatch, because its only wildcard is `*`, and URNs may contain brackets."""
    return target.replace("[", "[[]").replace("?", "[?]")


@dataclass(frozen=True)
class Waivers:
    """The valid waivers of a file, and the faults of the invalid ones."""

    waivers: tuple[Waiver, ...] = ()
    faults: tuple[str, ...] = ()
    today: date = field(default_factory=utc_day)

    def of(self, policy: str, urn: str) -> Waiver | None:
        """Return the waiver with the latest expiry date that covers a finding; None if no waiver does."""
        covering = [waiver for waiver in self.waivers if any(waiver.entries(policy, urn))]
        return max(covering, key=lambda waiver: waiver.expires, default=None)

    def entries(self, policy: str, urn: str) -> Needed:
        """Return the entries of all waivers that cover a finding."""
        return {(waiver.index, entry) for waiver in self.waivers for entry in waiver.entries(policy, urn)}


def load(names: Iterable[str], today: date | None = None, file: Path | None = None) -> Waivers:
    """Return the waivers and faults of a file; by default of the pack's own file."""
    file = file or own_file
    today = today or utc_day()
    content, fault = _content(file)
    if content is None:
        return Waivers((), (f"{file.name}{fault}",) if fault else (), today)
    if not isinstance(content, list):
        return Waivers((), (f"{file.name}: must be a list of waivers, not {type(content).__name__}",), today)
    known = set(names)
    good: list[Waiver] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", content)):
        waiver, item_faults = _waiver(item, known, today, index)
        where = f"{file.name}[{index}]"
        faults.extend(f"{where}{fault}" for fault in item_faults)
        if waiver is not None and not item_faults:
            good.append(waiver)
    return Waivers(tuple(good), tuple(faults), today)


def _content(file: Path) -> tuple[Any, str]:
    """Return the content of a file and an empty string, or None and the reason for the failure."""
    import yaml

    from policies.model import strict_yaml

    try:
        return strict_yaml.read(file.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return None, ": there is no such file" if file != own_file else ""
    except UnicodeDecodeError as fault:
        return None, f": not UTF-8 at byte {fault.start}"
    except OSError as fault:
        return None, f": cannot be read ({fault.strerror})"
    except RecursionError:
        return None, ": nested too deeply"
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        why = fault.problem if isinstance(fault, yaml.constructor.ConstructorError) else "not YAML"
        return None, f"{line}: {why}"


def _unknown_keys(fields: dict[str, Any], known: Iterable[str], what: str) -> list[str]:
    return [
        f".{key} is not known; {what} has {', '.join(sorted(known))}"
        for key in sorted(map(str, fields))
        if key not in known
    ]


def _waiver(item: object, known: set[str], today: date, index: int) -> tuple[Waiver | None, list[str]]:
    if not isinstance(item, dict):
        return None, [f" is {_shown(item)}; write reason, owner, ticket, expires and match"]
    fields = cast("dict[str, Any]", item)
    faults = _unknown_keys(fields, _KEYS, "a waiver")
    for key in _TEXTS:
        value = fields.get(key)
        if not isinstance(value, str) or not value.strip():
            faults.append(f".{key} is {_shown(value)}; write a non-empty string")
    expires = fields.get("expires")
    if type(expires) is not date:
        faults.append(f".expires is {_shown(expires)}; write a date such as {today.replace(day=1)}")
    elif (expires - today).days > LONGEST:
        faults.append(
            f".expires is {expires}, {(expires - today).days} days away; choose a date within {LONGEST} days"
        )
    match, match_faults = _match(fields.get("match"), known)
    faults.extend(match_faults)
    if faults or type(expires) is not date:
        return None, faults
    return Waiver(fields["reason"], fields["owner"], fields["ticket"], expires, match, index), []


def _match(
    value: object, known: set[str]
) -> tuple[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], list[str]]:
    if not isinstance(value, list) or not value:
        return (), [f".match is {_shown(cast(object, value))}; write a list of policies and targets"]
    entries: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", value)):
        where = f".match[{index}]"
        if not isinstance(item, dict):
            faults.append(f"{where} is {_shown(item)}; write policies and targets")
            continue
        fields = cast("dict[str, Any]", item)
        faults.extend(f"{where}{fault}" for fault in _unknown_keys(fields, _LISTS, "a match"))
        policies, targets = (_texts(fields.get(key)) for key in _LISTS)
        faults.extend(
            f"{where}.{key} is {_shown(fields.get(key))}; write a list of non-empty strings"
            for key, texts in zip(_LISTS, (policies, targets), strict=True)
            if not texts
        )
        faults.extend(
            f"{where}.policies names {name!r}, which is not a policy; {nearest(name, known)}"
            for name in policies
            if name not in known
        )
        faults.extend(
            f"{where}.targets has {_shown(target)}; write all four parts of the URN, "
            "urn:pulumi:STACK::PROJECT::TYPE::NAME, in which * stands for any text"
            for target in targets
            if target.startswith(URN_PREFIX) and len(_parts(target)) < PARTS
        )
        entries.append((policies, targets))
    return tuple(entries), faults


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(isinstance(item, str) and item for item in items):
            return tuple(cast(list[str], items))
    return ()


def _shown(value: object) -> str:
    """Return a part of a value for a message, since aliases of YAML can repeat a list endlessly."""
    shortened = Repr()
    shortened.maxlevel, shortened.maxstring, shortened.maxother = 2, 200, 200
    return "missing" if value is None else shortened.repr(value)
