"""Tests of the comparison of the deployed image in stack files that hide it from a search of lines."""

from typing import Any

import yaml

from tests.support.rows import each_row
from tools import deployed_image

TEXT = """\
# A comment: "with quotes
config:
  pipe:service:
    account: "111122223333"
    hosts: [a.example, "b.example"] # a list
    nodes: { cpu: "16", zones: [a, c] }
    limits:
      { warning: 1, critical: 2 }
    people:
      - name: x
        role: arn:aws:iam::1:role/x
    other:
    - y
  pipe:api:
    image: registry/api@sha256:0
    migrate: true # false after a rollback
    replicas: { min: 2 }
  pipe:password:
    secure: v1:a/b+c==:d=

  pipe:proxy:
    image: nginx:1
"""
IMAGE = "    image: registry/api@sha256:0\n"
THEIRS = "    image: theirs/api@sha256:1\n"
API = "  pipe:api:\n"
INCOMPLETE = (
    "is not complete by itself; allowed: `key: value` and `- value`, without quoted keys, anchors, aliases, "
    "tags, merge keys, escapes, and text in several lines"
)


def test_only_a_change_of_the_deployed_image_is_a_change() -> None:
    assert deployed_image.objection(TEXT) == ""
    assert deployed_image.deployed_lines(TEXT) == [
        "image: registry/api@sha256:0",
        "migrate: true # false after a rollback",
    ]
    assert deployed_image.find_change(TEXT, TEXT) == ""
    assert deployed_image.find_change(TEXT, TEXT.replace("min: 2", "min: 3")) == ""
    assert deployed_image.find_change(TEXT, TEXT.replace("nginx:1", "nginx:2")) == ""
    assert deployed_image.find_change(TEXT, TEXT.replace(IMAGE, THEIRS)) == "the deployed image"
    assert deployed_image.find_change(TEXT, TEXT.replace("true #", "false #")) == "the deployed image"


QUOTED_COPY = '  pipe:note: "\n' + API + IMAGE + '    "\n'
"""A string in several lines that contains a copy of the settings of the API."""

TRICKS: list[tuple[str, str, str]] = [
    (
        API + IMAGE,
        QUOTED_COPY + '  "pipe:api":\n' + THEIRS.replace("image", '"image"'),
        f"line 14 {INCOMPLETE}",
    ),
    (API + IMAGE, QUOTED_COPY.replace('"', "'") + '  "pipe:api":\n' + THEIRS, f"line 14 {INCOMPLETE}"),
    (API + IMAGE, "  pipe:note: |\n  " + API + IMAGE + '  "pipe:api":\n' + THEIRS, f"line 14 {INCOMPLETE}"),
    (IMAGE, THEIRS.replace("image", '"image"'), f"line 15 {INCOMPLETE}"),
    (IMAGE, THEIRS.replace("image", "? image\n    "), f"line 15 {INCOMPLETE}"),
    (IMAGE, THEIRS.replace("image:", "image: !!str"), f"line 15 {INCOMPLETE}"),
    (IMAGE, IMAGE.replace("image:", "image: >-\n     "), f"line 15 {INCOMPLETE}"),
    (API, "  pipe:x: &x { image: theirs }\n" + API + "    <<: *x\n", f"line 14 {INCOMPLETE}"),
    (
        API,
        "  pipe:api: { image: theirs }\n  pipe:other:\n",
        "pipe:api has 0 lines `    image: VALUE` instead of one",
    ),
    (
        API + IMAGE,
        "  pipe:api: { image: theirs/api@sha256:1 }\n  other:list:\n  - pipe:api:\n" + IMAGE,
        "pipe:api has 0 lines `    image: VALUE` instead of one",
    ),
    (
        API + IMAGE,
        "  pipe:api: { image: theirs/api@sha256:1 }\n  other:list:\n  - pipe:api: x\n" + IMAGE,
        "pipe:api has 0 lines `    image: VALUE` instead of one",
    ),
    (
        IMAGE,
        "  - \n" + IMAGE,
        "pipe:api has 0 lines `    image: VALUE` instead of one",
    ),
    (API, "  pipe:config:api:\n    image: theirs\n" + API, f"line 14 {INCOMPLETE}"),
    (
        API,
        "  api:\n    image: theirs\n" + API,
        "line 14 has the key api; allowed: `namespace:name` below config, and only there",
    ),
    (API, API + THEIRS + "  pipe:api:\n", "it has 2 lines `  pipe:api:` instead of one"),
    (IMAGE, IMAGE + THEIRS, "pipe:api has 2 lines `    image: VALUE` instead of one"),
    (IMAGE, IMAGE + "      theirs\n", "line 16 is indented too far, and may continue the value above"),
    (IMAGE, IMAGE + "      - theirs\n", "line 16 is indented too far, and may continue the value above"),
    (IMAGE, "    image:\n      { a: b }\n", "the value of pipe:api.image is not in its line"),
    (IMAGE, "    image:\n      theirs\n", "line 16 has a value without a key"),
    (IMAGE, '    note: ["a", b "c, "]\n' + IMAGE, f"line 15 {INCOMPLETE}"),
    (IMAGE, '    note: "a\\\\"\n' + IMAGE, f"line 15 {INCOMPLETE}"),
    (IMAGE, "    note:\ta\n" + IMAGE, "line 15 has a tab or a character other than ASCII"),
    (IMAGE, "    # \u2028    image: theirs\n" + IMAGE, "line 15 has a tab or a character other than ASCII"),
    ("config:\n", "config: {}\n---\nconfig:\n", f"line 3 {INCOMPLETE}"),
    (API, "config:\n" + API, "it has 2 lines `config:` instead of one"),
]
"""A part of the text, its replacement, and the reason why the result is not canonical."""


@each_row("part, replacement, reason", TRICKS)
def test_a_file_that_could_hide_the_image_is_not_canonical(part: str, replacement: str, reason: str) -> None:
    changed = TEXT.replace(part, replacement, 1)
    assert deployed_image.find_change(TEXT, changed) == (
        f"the deployed image may differ, since the file of the head is not canonical: {reason}"
    )
    assert "the file of the base is not canonical" in deployed_image.find_change(changed, TEXT)


def test_the_tricks_change_the_image_that_a_parser_reads() -> None:
    """The first rows, which a comparison of lines does not see, are valid YAML with another image."""
    for part, replacement, _ in TRICKS[:6]:
        settings: dict[str, Any] = yaml.safe_load(TEXT.replace(part, replacement, 1))["config"]
        assert settings["pipe:api"]["image"] == "theirs/api@sha256:1"


def test_a_missing_file_is_not_canonical() -> None:
    assert deployed_image.find_change("", TEXT) == (
        "the deployed image may differ, since the file of the base is not canonical: it has 0 lines "
        "`config:` instead of one"
    )
