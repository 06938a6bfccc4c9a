"""Texts in a secret that is a document, such as the key file of a service account.

The report splits documents, and shows a member without the rest of its document.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import yaml

from review.plain_data import is_list, is_map


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
