"""Comparison of the deployed image in two versions of a stack file, without a parser of YAML.

The settings `image` and `migrate` of `pipe:api` are found by their lines. YAML can write them in many other
ways, so both versions must have a canonical form (sandbox/workspace/canonical_lines.py).
"""

import re
from collections.abc import Iterator

from sandbox.workspace.canonical_lines import LINE, line_objection

API = "pipe:api"
DEPLOYED = ("image", "migrate")
"""Keys of `pipe:api` that only deployments set."""


def find_change(before: str, after: str) -> str:
    """Return a description of a change of the deployed image from one text to another; empty without one."""
    if before == after:
        return ""
    for side, text in (("base", before), ("head", after)):
        if reason := objection(text):
            return f"the deployed image may differ, since the file of the {side} is not canonical: {reason}"
    return "" if deployed_lines(before) == deployed_lines(after) else "the deployed image"


def deployed_lines(text: str) -> list[str]:
    """Return the lines of a canonical stack file that only deployments set, without their indents."""
    return [text.splitlines()[number].strip() for key, number, _ in _api(text) if key in DEPLOYED]


def objection(text: str) -> str:
    """Return the first reason why a stack file is not canonical; empty if it is."""
    if match := re.search(r"[^\n -~]", text):
        return f"line {text.count(chr(10), 0, match.start()) + 1} has a tab or a character other than ASCII"
    return line_objection(text) or next(_miscounts(text), "")


def _miscounts(text: str) -> Iterator[str]:
    """Yield each line that a stack file must have once and has not, or more than once."""
    lines = text.splitlines()
    for line in ("config:", f"  {API}:"):
        count = sum(bool(re.fullmatch(rf"{line}( .*)?", other)) for other in lines)
        if count != 1:
            yield f"it has {count} lines `{line}` instead of one"
    for key, allowed in zip(DEPLOYED, ((1,), (0, 1)), strict=True):
        values = [value for other, _, value in _api(text) if other == key]
        if len(values) not in allowed:
            yield f"{API} has {len(values)} lines `    {key}: VALUE` instead of one"
        if None in values:
            yield f"the value of {API}.{key} is not in its line"


def _api(text: str) -> Iterator[tuple[str, int, str | None]]:
    """Yield the keys of `pipe:api` with the numbers of their lines, from 0 on, and their values."""
    is_api = False
    for number, line in enumerate(text.splitlines()):
        match = LINE.fullmatch(line)
        if match and (match["key"] or match["item"]) and len(match["indent"]) <= 2:
            is_api = match["key"] == API and not match["item"]
        elif match and match["key"] and is_api and len(match["indent"]) == 4 and not match["item"]:
            yield match["key"], number, match["value"]
