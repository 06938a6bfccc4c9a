"""Waivers: findings that somebody has taken on, for a while."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from policies.engine.configuration import nearest

FILE = Path(__file__).parents[1] / "waivers.yaml"
LONGEST = 180
"""Days that a waiver may still have to run."""

_TEXTS = ("reason", "owner", "ticket")
_KEYS = (*_TEXTS, "expires", "match")
_LISTS = ("policies", "targets")

Entry = tuple[str, str]
"""A policy and a target (a URN, or a pattern with `*`) of a waiver."""
Needed = set[tuple[int, Entry]]
"""Entries that cover something, each with the place of its waiver in the file."""


def utc_day() -> date:
    """The day that decides about expiry: UTC's, so that a laptop and CI agree wherever they are."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Waiver:
    """One exception: which findings, why, who answers for it, until when."""

    reason: str
    owner: str
    ticket: str
    expires: date
    match: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """Policies and targets."""
    index: int = 0
    """Its place in the file."""

    def days_left(self, today: date) -> int:
        """Whole days after today; the day of expiry still counts, until midnight UTC."""
        return (self.expires - today).days

    def expired(self, today: date) -> bool:
        return self.expires < today

    def entries(self, policy: str, urn: str) -> Iterator[Entry]:
        """What of it covers a finding; nothing when it does not."""
        for policies, targets in self.match:
            if policy in policies:
                yield from ((policy, target) for target in targets if fnmatchcase(urn, _literal(target)))

    def notice(self, today: date) -> str:
        """How a waived finding reports it."""
        days = self.days_left(today)
        left = "last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
        return f"waived until {self.expires} ({left}): {self.reason} ({self.owner}, {self.ticket})"

    def lapsed(self) -> str:
        """How a finding says that its waiver no longer holds."""
        return f"its waiver expired on {self.expires}: {self.reason} ({self.owner}, {self.ticket})"

    def unneeded(self, prefix: str, needed: Needed) -> list[str]:
        """What of it covers nothing in the stack whose URNs start like this, for which it is meant."""
        found: list[str] = []
        used = {entry for index, entry in needed if index == self.index}
        alive = False
        for policies, targets in self.match:
            own = [target for target in targets if _meant_for(prefix, target)]
            lists = {
                "policy": [name for name in policies if own and not used & {(name, each) for each in own}],
                "target": [each for each in own if not used & {(name, each) for name in policies}],
            }
            alive = alive or not own or len(lists["target"]) < len(own)
            found += [f" of the {kind} {text}; take it off" for kind, dead in lists.items() for text in dead]
        found = found if alive else ["; remove it"] * bool(found)
        said = f"the waiver of {self.owner} ({self.ticket}: {self.reason}) covers no finding"
        return [f"{said}{each}" for each in found]


def _meant_for(prefix: str, target: str) -> bool:
    """Whether a target can be a resource of the stack whose URNs start like this."""
    start = target.partition("*")[0]
    return prefix.startswith(start) or start.startswith(prefix)


def _literal(target: str) -> str:
    """Only `*` is a wildcard: URNs may hold brackets."""
    return target.replace("[", "[[]").replace("?", "[?]")


@dataclass(frozen=True)
class Waivers:
    """All waivers of the file, and what is wrong with the others."""

    waivers: tuple[Waiver, ...] = ()
    faults: tuple[str, ...] = ()
    today: date = field(default_factory=utc_day)

    def of(self, policy: str, urn: str) -> Waiver | None:
        """The waiver that covers a finding: one that holds before one that has expired."""
        covering = [waiver for waiver in self.waivers if any(waiver.entries(policy, urn))]
        return max(covering, key=lambda waiver: waiver.expires, default=None)

    def entries(self, policy: str, urn: str) -> Needed:
        """What of all waivers covers a finding."""
        return {(each.index, entry) for each in self.waivers for entry in each.entries(policy, urn)}


def load(names: Iterable[str], today: date | None = None, file: Path | None = None) -> Waivers:
    """Reads a file (else PIPE_POLICY_WAIVERS, or the pack's own); its faults come back as text."""
    file = file or Path(os.environ.get("PIPE_POLICY_WAIVERS") or FILE)
    today = today or utc_day()
    content, fault = _content(file)
    if content is None:
        return Waivers((), (f"{file.name}{fault}",) if fault else (), today)
    if not isinstance(content, list):
        return Waivers((), (f"{file.name}: a list of waivers, not {type(content).__name__}",), today)
    known = set(names)
    good: list[Waiver] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", content)):
        waiver, wrong = _waiver(item, known, today, index)
        where = f"{file.name}[{index}]"
        faults.extend(f"{where}{fault}" for fault in wrong)
        if waiver is not None and not wrong:
            good.append(waiver)
    return Waivers(tuple(good), tuple(faults), today)


def _content(file: Path) -> tuple[Any, str]:
    """What a file holds, or why it cannot be read."""
    import yaml

    from policies.model import strict_yaml

    try:
        return strict_yaml.read(file.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return None, ": there is no such file" if file != FILE else ""
    except UnicodeDecodeError as fault:
        return None, f": not UTF-8 at byte {fault.start}"
    except OSError as fault:
        return None, f": cannot be read ({fault.strerror})"
    except RecursionError:
        return None, ": nested too deep"
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
        return None, [f" is {item!r}; write reason, owner, ticket, expires and match"]
    fields = cast("dict[str, Any]", item)
    faults = _unknown_keys(fields, _KEYS, "a waiver")
    for key in _TEXTS:
        value = fields.get(key)
        if not isinstance(value, str) or not value.strip():
            faults.append(f".{key} is {_shown(value)}; write a text")
    expires = fields.get("expires")
    if type(expires) is not date:
        faults.append(f".expires is {_shown(expires)}; write a date such as {today.replace(day=1)}")
    elif (expires - today).days > LONGEST:
        faults.append(f".expires is {expires}, {(expires - today).days} days away; at most {LONGEST}")
    match, wrong = _match(fields.get("match"), known)
    faults.extend(wrong)
    if faults or type(expires) is not date:
        return None, faults
    return Waiver(fields["reason"], fields["owner"], fields["ticket"], expires, match, index), []


def _match(
    value: object, known: set[str]
) -> tuple[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], list[str]]:
    if not isinstance(value, list) or not value:
        return (), [f".match is {_shown(cast(object, value))}; write a list of policies and targets"]
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", value)):
        where = f".match[{index}]"
        if not isinstance(item, dict):
            faults.append(f"{where} is {item!r}; write policies and targets")
            continue
        fields = cast("dict[str, Any]", item)
        faults.extend(f"{where}{fault}" for fault in _unknown_keys(fields, _LISTS, "a match"))
        policies, targets = (_texts(fields.get(key)) for key in _LISTS)
        faults.extend(
            f"{where}.{key} is {_shown(fields.get(key))}; write a list of texts"
            for key, texts in zip(_LISTS, (policies, targets), strict=True)
            if not texts
        )
        faults.extend(
            f"{where}.policies has {name!r}, and there is no such policy; {nearest(name, known)}"
            for name in policies
            if name not in known
        )
        found.append((policies, targets))
    return tuple(found), faults


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(isinstance(item, str) and item for item in items):
            return tuple(cast(list[str], items))
    return ()


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)
