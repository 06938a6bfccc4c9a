"""Waivers: findings that somebody has taken on, for a while."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

FILE = Path(__file__).with_name("waivers.yaml")
LONGEST = 180
"""Days that a waiver may still have to run."""

_TEXTS = ("reason", "owner", "ticket")
_KEYS = {*_TEXTS, "expires", "match"}


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
    """Policies and targets (URNs, or patterns with `*`)."""

    def days_left(self, today: date) -> int:
        """Whole days after today; the day of expiry still counts, until midnight UTC."""
        return (self.expires - today).days

    def expired(self, today: date) -> bool:
        return self.expires < today

    def covers(self, policy: str, urn: str) -> bool:
        return any(
            policy in policies and any(fnmatchcase(urn, _literal(target)) for target in targets)
            for policies, targets in self.match
        )

    def said(self, today: date) -> str:
        """How a waived finding reports it."""
        days = self.days_left(today)
        left = "last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
        return f"waived until {self.expires} ({left}): {self.reason} ({self.owner}, {self.ticket})"

    def lapsed(self) -> str:
        """How a finding says that its waiver no longer holds."""
        return f"its waiver expired on {self.expires}: {self.reason} ({self.owner}, {self.ticket})"

    def meant_for(self, prefix: str) -> bool:
        """Whether some target can be a resource of the stack whose URNs start like this."""
        fixed = (target.partition("*")[0] for _, targets in self.match for target in targets)
        return any(prefix.startswith(start) or start.startswith(prefix) for start in fixed)


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
        covering = [waiver for waiver in self.waivers if waiver.covers(policy, urn)]
        return max(covering, key=lambda waiver: waiver.expires, default=None)


def load(names: Iterable[str], today: date | None = None, file: Path | None = None) -> Waivers:
    """Reads a file (else PIPE_POLICY_WAIVERS, or the pack's own); its faults come back as text."""
    import yaml

    file = file or Path(os.environ.get("PIPE_POLICY_WAIVERS") or FILE)
    today = today or utc_day()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Waivers((), (f"{file.name}: there is no such file",) if file != FILE else (), today)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        return Waivers((), (f"{file.name}{line}: not YAML",), today)
    if content is None:
        return Waivers((), (), today)
    if not isinstance(content, list):
        return Waivers((), (f"{file.name}: a list of waivers, not {type(content).__name__}",), today)
    known = set(names)
    good: list[Waiver] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", content)):
        waiver, wrong = _waiver(item, known, today)
        where = f"{file.name}[{index}]"
        faults.extend(f"{where}{fault}" for fault in wrong)
        if waiver is not None and not wrong:
            good.append(waiver)
    return Waivers(tuple(good), tuple(faults), today)


def _waiver(item: object, known: set[str], today: date) -> tuple[Waiver | None, list[str]]:
    if not isinstance(item, dict):
        return None, [f" is {item!r}; write reason, owner, ticket, expires and match"]
    fields = cast("dict[str, Any]", item)
    faults = [
        f".{key} is not known; a waiver has {', '.join(sorted(_KEYS))}"
        for key in sorted(map(str, fields))
        if key not in _KEYS
    ]
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
    return Waiver(fields["reason"], fields["owner"], fields["ticket"], expires, match), []


def _match(
    value: object, known: set[str]
) -> tuple[tuple[tuple[tuple[str, ...], tuple[str, ...]], ...], list[str]]:
    if not isinstance(value, list) or not value:
        return (), [f".match is {_shown(cast(object, value))}; write a list of policies and targets"]
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    faults: list[str] = []
    for index, item in enumerate(cast("list[Any]", value)):
        fields: Mapping[str, Any] = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        where = f".match[{index}]"
        lists = {key: _texts(fields.get(key)) for key in ("policies", "targets")}
        faults.extend(
            f"{where}.{key} is {_shown(fields.get(key))}; write a list of texts"
            for key, texts in lists.items()
            if not texts
        )
        faults.extend(
            f"{where}.policies has {name!r}; there is no such policy"
            for name in lists["policies"]
            if name not in known
        )
        found.append((lists["policies"], lists["targets"]))
    return tuple(found), faults


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(isinstance(item, str) and item for item in items):
            return tuple(cast(list[str], items))
    return ()


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)
