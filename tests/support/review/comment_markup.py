"""Markup of a comment, which is parsed as on GitHub: as CommonMark with tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = re.compile(r"<!-- pipe-review -->|<details><summary><b>[^<>]*</b></summary>|</details>")
"""Pattern of the HTML that a comment may contain."""

LINKED = re.compile(r"(?<![A-Za-z0-9_])@[A-Za-z0-9]|#\d|\bwww\.|https?://", re.IGNORECASE)
"""Pattern of text that GitHub turns into a mention, a reference or a link, unless it is code."""

LONGEST_FENCE = 80
"""Largest number of backticks around a span that GitHub's parser reads as code (filters.LONGEST_RUN)."""


@dataclass
class Line:
    """A line of text in `depth` nested lists, with its code spans and its other text."""

    depth: int
    kind: str
    codes: list[str]
    text: str


def lines(text: str) -> list[Line]:
    """Return the lines of a comment's text."""
    result: list[Line] = []
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
            codes = [child.content for child in children if child.type == "code_inline"]
            plain = "".join(child.content for child in children if child.type.startswith("text"))
            result.append(Line(depth, kind, codes, plain))
    return result


def faults(text: str) -> Iterator[str]:
    """Yield the markup in a comment that does not come from the review itself."""
    tokens = PARSER.parse(text)
    spans = [child for token in tokens for child in token.children or []]
    for token in (*tokens, *spans):
        if token.type in ("html_block", "html_inline") and OURS.sub("", token.content).strip():
            yield f"HTML: {token.content}"
        if token.type == "ordered_list_open" or (token.type == "bullet_list_open" and token.markup != "-"):
            yield f"a list of {token.markup!r}"
        if token.type in ("image", "s_open", "hr", "blockquote_open", "code_block"):
            yield token.type
        if token.type in ("code_inline", "fence") and len(token.markup) > LONGEST_FENCE:
            yield f"{len(token.markup)} backticks around {token.content}"
    for number, token in enumerate(tokens):
        if token.type == "list_item_open" and tokens[number + 1].type != "paragraph_open":
            yield f"a list item that begins with {tokens[number + 1].type}"
    yield from _linked(spans)


def _linked(spans: list[Token]) -> Iterator[str]:
    """Yield the text outside of links that GitHub would turn into a link, a mention or a reference."""
    inside = 0
    for span in spans:
        inside += (span.type == "link_open") - (span.type == "link_close")
        if span.type.startswith("text") and not inside and LINKED.search(span.content):
            yield f"linked: {span.content}"
