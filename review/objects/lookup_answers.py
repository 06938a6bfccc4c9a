"""Look-ups whose answers are in a value.

A review invents the answers, so without the arguments of the look-up they say nothing to a reader.
"""

import re
from collections.abc import Iterator

from review.stacks.engine_run import EngineRun
from sandbox.progress import one_line
from sandbox.wire.values import digest

WORDS = tuple(map(re.compile, (r"\S+", r"[\w.:/+-]+", r"[\w.-]+", r"[\w-]+")))
"""Patterns of the parts of a text that may be an answer, such as an ARN, an address or an ID."""

INVENTED = re.compile(r"[0-9a-f]{8}|[0-9A-F]{8}")
"""Pattern of what all invented answers contain. Others, such as the name of a zone, say what they are."""


def find_lookups(text: str, run: EngineRun | None) -> list[str]:
    """Return the look-ups of a run that have found a text or a part of it, in the order of the text."""
    if run is None or not run.answers or not INVENTED.search(text):
        return []
    answers = map(digest, dict.fromkeys(_words(text)))
    return [*dict.fromkeys(_name(*lookup) for answer in answers for lookup in run.lookups_of(answer))]


def _words(text: str) -> Iterator[str]:
    yield text
    for pattern in WORDS:
        yield from (word[0] for word in pattern.finditer(text) if INVENTED.search(word[0]))


def _name(token: str, arguments: str) -> str:
    """Return the name and the arguments of a look-up."""
    return one_line(f"{token.rpartition(':')[2]} {arguments}")
