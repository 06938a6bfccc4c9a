"""Tests of the texts in secrets that are documents."""

import base64
import json

import pytest

from review.values.secret_documents import find_lines, find_texts

KEY = {"type": "account", "password": "correct-horse", "keys": [{"pin": 12345678}, True, None]}
TEXTS = {"account", "correct-horse", "12345678"}


@pytest.mark.parametrize(
    ("secret", "texts"),
    [
        (json.dumps(KEY), TEXTS),
        (json.dumps(KEY, indent=2), TEXTS),
        (json.dumps(json.dumps(KEY)), {json.dumps(KEY), *TEXTS}),
        (json.dumps({"inner": json.dumps(KEY)}), {json.dumps(KEY), *TEXTS}),
        (base64.b64encode(json.dumps(KEY).encode()).decode(), {json.dumps(KEY), *TEXTS}),
        (
            "user: admin\npassword: correct-horse\npin: 0123\n---\n- last",
            {"admin", "correct-horse", "0123", "last"},
        ),
        ('  "password": "correct-horse",', {"correct-horse"}),
        ("{user: admin, seconds: 1e3}", {"admin", "1e3"}),
        ("a: &a [x, *a]", set[str]()),
        ("correct-horse/battery+staple", set[str]()),
        ("[" * 100_000, set[str]()),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+o\n-----END PRIVATE KEY-----\n", set[str]()),
        ("'\\", set[str]()),
        ("", set[str]()),
    ],
)
def test_the_texts_in_a_document_are_found(secret: str, texts: set[str]) -> None:
    assert find_texts(secret) == texts


def test_the_lines_of_a_text_are_found_without_the_boundaries_of_pem() -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\r\n\n BCIEIJ+o\n-----END RSA PRIVATE KEY-----\n"
    lines = {"MC4CAQAwBQYDK2Vw", " BCIEIJ+o"}
    assert find_lines([pem, "battery-staple"]) == lines | {"battery-staple"}
    # A dash, which a label may not begin with, makes a line one of any other text.
    assert find_lines(["-----BEGIN -x-----"]) == {"-----BEGIN -x-----"}
    document = json.dumps({"key": pem}, indent=2)
    assert find_lines([document]) == lines | {*document.splitlines()}
