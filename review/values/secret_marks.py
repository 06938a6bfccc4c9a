"""Marks that tell the masked secrets of a stack apart while values are compared; no report shows them."""

import re
from typing import Any

from review.plain_data import as_key, is_list, is_map, map_texts
from sandbox.summary import MASK

SIGN = "\ue000"
"""Start and end of a mark, a character for private use (https://www.unicode.org/charts/PDF/UE000.pdf)."""

MARK = re.compile(rf"(?<={re.escape(MASK)}){SIGN}\d+{SIGN}")
"""Pattern of a mark. It follows each mask, so the same text of a program after a mask is none."""


class SecretMarks:
    """The marks of the secrets of a stack in base and head: equal secrets have the same one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mask(self, secret: Any) -> str:
        """Return the mask of a secret, with its mark."""
        number = self._numbers.setdefault(as_key(secret), len(self._numbers))
        return f"{MASK}{SIGN}{number}{SIGN}"


def without_marks(value: Any) -> Any:
    """Return a value as a report shows it."""
    return map_texts(value, lambda text: MARK.sub("", text))


def marks_in(value: Any) -> list[str]:
    """Return the marks in a value, in order."""
    if isinstance(value, str):
        return MARK.findall(value)
    members = value.values() if is_map(value) else value if is_list(value) else ()
    return [mark for member in members for mark in marks_in(member)]
