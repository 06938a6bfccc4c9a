"""Texts in a secret that is a document, such as the key file of a service account.

The report splits documents, and shows a member without the rest of its document. So it does with the lines of
a text.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import yaml

from review.plain_data import is_list, is_map
from sandbox.wire.sentinels import INVENTED

BOUNDARY = re.compile(r"\s*-----(?:BEGIN|END) [A-Z0-9 ]+-----\s*")
"""Pattern of the lines around a text in PEM, which are no secret (RFC 7468, section 3)."""


INVENTED_PART = re.compile(rf"{INVENTED}-([0-9a-f]{{8,}})")
"""Pattern of the part of a secret in a review that a program may take out of it (sandbox/providers/plan.py).

Another run exchanges it by itself, so it is masked by itself.
"""


def find_lines(secrets: Iterable[str]) -> set[str]:
    """Return the lines of secrets, and of the texts in those that are documents.

    A line of a document does not have to show its texts in the same way, so both count. So do the invented
    parts of these texts.
    """
    texts = {*secrets}
    texts |= {text for secret in texts for text in find_texts(secret)}
    lines = {line for text in texts for line in re.split("[\r\n]", text) if line}
    lines |= {part for text in texts for part in INVENTED_PART.findall(text)}
    return {line for line in lines if not BOUNDARY.fullmatch(line)}


def find_texts(secret: str) -> set[str]:
    """Return the strings and numbers in a secret that is JSON, YAML, or the base64 of a text.

    The strings may be documents, too. The keys of objects do not count.
    """
    texts = set[str]()
    inner = [*_contents(secret)]
    while inner:
        text = inner.pop()
        if text not in texts and text != secret:
            texts.add(text)
            inner += _contents(text)
    return texts


def list_scalars(value: Any) -> Iterator[str]:
    """Yield the strings and numbers in a JSON value, except for the keys of objects."""
    if is_map(value):
        yield from list_scalars([*value.values()])
    elif is_list(value):
        for item in value:
            yield from list_scalars(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _contents(text: str) -> Iterator[str]:
    with suppress(ValueError, RecursionError):
        yield from list_scalars(json.loads(text, parse_int=str, parse_float=str))
        return
    with suppress(yaml.YAMLError, ValueError, RecursionError):
        # The scalars of this loader are strings as they are written. A single one is no document. Without its
        # comma, a line of JSON is YAML: a file of masked values has lines.
        documents: list[Any] = [*yaml.load_all(text.strip().rstrip(","), yaml.CBaseLoader)]
        yield from list_scalars([document for document in documents if is_map(document) or is_list(document)])
    with suppress(ValueError):  # Among them are bytes that are no text.
        yield base64.b64decode(text, validate=True).decode()
