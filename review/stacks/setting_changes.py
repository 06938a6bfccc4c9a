"""Settings of a stack file that differ between base and head."""

import json
from collections.abc import Iterator

from review.model import OF_THE_BASE, SETS, SettingChange, SourceLocation
from review.plain_data import mark_own
from review.stacks.stack_file import SettingValues, StackFile
from sandbox.summary import MASK

SECRET = ".secure"
"""End of the keys of encrypted values."""


def find_changes(stack: str, file: StackFile) -> Iterator[SettingChange]:
    """Yield the changed settings of a stack in the order of the file; none if a side lacks the file."""
    if not file.is_on_both_sides:
        return
    for key in sorted({**file.base, **file.head}, key=lambda key: _line(file, key)):
        before, after = _values(file, key)
        if before == after:
            continue
        secret = [_is_secret(key, values) for values in (file.base, file.head)]
        before, after = (
            value and (MASK if is_secret else mark_own(value))
            for value, is_secret in zip((before, after), secret, strict=True)
        )
        role = SETS if key in file.head else OF_THE_BASE
        location = SourceLocation(file.name, _line(file, key), role, key)
        name = key.removesuffix(SECRET) if any(secret) else key
        yield SettingChange(stack, name, before, after, location)


def _is_secret(key: str, values: SettingValues) -> bool:
    """Return True for an encrypted value, which has no other member beside it
    (pulumi/pulumi, sdk/go/common/resource/config/object.go: isSecureValue).
    """
    parent = key.removesuffix(SECRET)
    members = (other for other in values if other.startswith((f"{parent}.", f"{parent}[")))
    return key.endswith(SECRET) and key in values and all(other == key for other in members)


def _values(file: StackFile, key: str) -> tuple[str | None, str | None]:
    """Return a setting in base and head. If only one of them is a text, it has quotes.

    A program may take the text `"false"` as true.
    """
    before, after = _value(file.base, key), _value(file.head, key)
    old, new = (key in texts for texts in file.texts)
    if before is None or after is None or old == new:
        return before, after
    return _quoted(before) if old else before, _quoted(after) if new else after


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _value(values: SettingValues, key: str) -> str | None:
    return values[key][0] if key in values else None


def _line(file: StackFile, key: str) -> int:
    return (file.head.get(key) or file.base[key])[1]
