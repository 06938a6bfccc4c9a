"""The comment as GitHub takes it: parsed as CommonMark with tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = re.compile(r"<!-- pipe-review -->|<details><summary><b>[^<>]*</b></summary>|</details>")
"""The HTML that a comment has of its own."""

LINKED = re.compile(r"(?<![A-Za-z0-9_])@[A-Za-z0-9]|#\d|\bwww\.|https?://", re.IGNORECASE)
"""What GitHub makes a mention, a reference or a link of where it stands in no code."""


@dataclass
class Line:
    """A line of text in `depth` lists: its code spans, and what is no code."""

    depth: int
    kind: str
    codes: list[str]
    text: str


def lines(text: str) -> list[Line]:
    found: list[Line] = []
    depth, kind = 0, ""
    for token in PARSER.parse(text):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        elif token.type.endswith("_open"):
            kind = token.tag
        elif token.type == "inline":
            children = token.children or []
            codes = [each.content for each in children if each.type == "code_inline"]
            plain = "".join(each.content for each in children if each.type.startswith("text"))
            found.append(Line(depth, kind, codes, plain))
    return found


def faults(text: str) -> Iterator[str]:
    """What of a comment is markup that is none of ours."""
    tokens = PARSER.parse(text)
    spans = [child for token in tokens for child in token.children or []]
    for token in (*tokens, *spans):
        if token.type in ("html_block", "html_inline") and OURS.sub("", token.content).strip():
            yield f"HTML: {token.content}"
        if token.type == "ordered_list_open" or (token.type == "bullet_list_open" and token.markup != "-"):
            yield f"a list of {token.markup!r}"
        if token.type in ("image", "s_open", "hr", "blockquote_open", "code_block"):
            yield token.type
    for number, token in enumerate(tokens):
        if token.type == "list_item_open" and tokens[number + 1].type != "paragraph_open":
            yield f"a list item that begins with {tokens[number + 1].type}"
    yield from _linked(spans)


def _linked(spans: list[Token]) -> Iterator[str]:
    inside = 0
    for each in spans:
        inside += (each.type == "link_open") - (each.type == "link_close")
        if each.type.startswith("text") and not inside and LINKED.search(each.content):
            yield f"linked: {each.content}"
