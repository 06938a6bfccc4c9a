"""The directives of an nginx configuration file, with their positions."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

DEEPEST = 64
"""The maximum depth of nested blocks in a file; nginx's own contexts have a depth of five or six."""


@dataclass(frozen=True)
class Directive:
    """A directive of an nginx file, with its block if it has one."""

    name: str
    args: tuple[str, ...]
    line: int
    block: tuple["Directive", ...] | None


_LAST_SPACE = 0x3000
_AS_NGINX_READS = {
    code: "\N{REPLACEMENT CHARACTER}"
    for code in range(_LAST_SPACE + 1)
    if chr(code).isspace() and chr(code) not in " \t\n"
} | {ord("\r"): " "}
"""Replacements of characters that are spaces for crossplane, but parts of words for nginx.

A carriage return is a space for nginx and no line break, so a comment continues after it (nginx,
ngx_conf_file.c: ngx_conf_read_token).
"""

TOO_DEEP = f"blocks nested more than {DEEPEST} deep"


class NotNginxError(Exception):
    """A text that is not a valid nginx configuration."""


@lru_cache(maxsize=64)
def parse(text: str) -> tuple[Directive, ...]:
    """Parse a file with NGINX Inc.'s own parser; cached, because several rules read the same files."""
    import crossplane  # slow to import, and only needed for nginx files

    # crossplane reads files only; fragments are allowed, so neither contexts nor argument counts are checked.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        # Without a line break at the end, crossplane ignores a last directive that is not finished.
        file.write_bytes(f"{text.translate(_AS_NGINX_READS)}\n".encode())
        read = cast(Callable[..., Any], crossplane.parse)  # pyright: ignore[reportUnknownMemberType]
        payload = cast("dict[str, Any]", read(str(file), single=True, check_ctx=False, check_args=False))
    if payload["errors"]:
        error = str(payload["errors"][0]["error"]).partition(" in /")[0]
        # crossplane calls itself for each block, and reports Python's limit like any other error.
        too_deep = error.startswith("maximum recursion depth")
        raise NotNginxError(TOO_DEEP if too_deep else error or "unfinished")
    return tuple(_directive(item, 1) for item in payload["config"][0]["parsed"])


def _directive(item: dict[str, Any], depth: int) -> Directive:
    if depth > DEEPEST:
        raise NotNginxError(TOO_DEEP)
    block = tuple(_directive(inner, depth + 1) for inner in item["block"]) if "block" in item else None
    return Directive(item["directive"], tuple(item["args"]), item["line"], block)


def walk(block: tuple[Directive, ...]) -> Iterator[Directive]:
    """Yield the directives of a block and of all nested blocks."""
    for directive in block:
        yield directive
        yield from walk(directive.block or ())
