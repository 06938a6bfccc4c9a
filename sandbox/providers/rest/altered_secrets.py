"""Inputs with other secrets, which show whether a fault depends on a secret."""

from string import digits
from typing import Any

from sandbox.wire.values import Secret, map_items

_GROUPS = (digits, "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")
_SHIFT = str.maketrans("".join(_GROUPS), "".join(group[1:] + group[:1] for group in _GROUPS))
"""Another character for each letter and digit; hexadecimal digits stay such digits."""


def alter_secrets(value: Any, *, secret: bool = False) -> Any:
    """Return a value in which each secret text, number and boolean is another one of the same type.

    The same texts become the same texts, of the same length. With `secret`, the whole value counts as secret.
    """
    if isinstance(value, Secret):
        return Secret(alter_secrets(value.value, secret=True))
    if isinstance(value, dict | list):
        return map_items(value, lambda item: alter_secrets(item, secret=secret))
    return _other(value) if secret else value


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return 2 * value or 1
    return value.translate(_SHIFT) if isinstance(value, str) else value
