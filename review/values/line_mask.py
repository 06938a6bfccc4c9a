"""Masking of secrets in an output that is shown line by line, also of those that go on in the next line."""

import re
from collections.abc import Callable, Iterable, Iterator

CUT = "…"
"""Mark of a shortened text, before which a mask hides the beginning of a secret (review/plain_data.py)."""

ENCODED = re.compile(r"(?:^[ \t]*+[\w+/-]{16,}+|(?<![\w+/-])[\w+/-]{40,}+)=*$", re.ASCII)
"""Pattern of a line that base64 may continue: one that is a single long word, or ends with a longer one."""

LARGEST_BLOCK = 20_000
"""Number of characters in lines of base64 after which they are shown, to bound the time and the memory."""


class LineMask:
    """A mask of lines that come one after another, such as those of base64 with a line break in a secret.

    A line at whose end a secret may have begun is held back until the next one shows whether it has, and so
    are the lines of what may be base64. All others are shown at once, so the progress of a command stays
    visible. A line is masked together with the one before it, which may end with a beginning of a secret that
    is too short to be recognized.
    """

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._held: list[str] = []
        self._size = 0
        self._previous: list[str] = []
        """The last shown line that is not empty, unmasked."""

    def mask_all(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the masked lines; those that are held back at the end of the output come last."""
        for line in lines:
            yield from self._add(line.rstrip("\n"))
        yield from self.release()

    def release(self) -> list[str]:
        """Return the masked lines that are held back, if there are any."""
        held, self._held, self._size = self._held, [], 0
        if not held:
            return []
        shown = self._mask("\n".join([*self._previous, *held])).split("\n")[-len(held) :]
        self._previous = [line for line in held if line.strip()][-1:] or self._previous
        return shown

    def _add(self, line: str) -> list[str]:
        """Return the masked lines that can be shown after this one has come."""
        self._held.append(line)
        self._size += len(line)
        if ENCODED.search(line) and self._size < LARGEST_BLOCK:
            return []
        text = "\n".join([*self._previous, *self._held])
        may_continue = self._mask(text + CUT) != self._mask(text) + CUT
        return [] if may_continue else self.release()
