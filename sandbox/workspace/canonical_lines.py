"""Canonical form of a stack file, in which each line is complete by itself.

A line is a key with or without a value, or an item of a list. Strings end on their line, and nothing refers
to another line. So a program can find and replace a setting by its line, without a parser of YAML.
"""

import re

_WORD = r"(?:[\w./~+]|-(?=[\w.]))(?:[^\s\[\]{},\"'#:]|:(?=[^\s\[\]{},]))*"
_SCALAR = rf"(?:\"[^\"\\]*\"|'[^']*'|{_WORD}(?: +{_WORD})*)"


def _flow(value: str) -> str:
    """Return a pattern of a scalar, or of a list or mapping on one line whose values match a pattern."""
    pair = rf"[\w.-]+: +{value}"
    return rf"(?:{_SCALAR}|\[ *(?:{value}(?:, *{value})*)? *\]|\{{ *(?:{pair}(?:, *{pair})*)? *\}})"


_VALUE = _flow(_flow(_flow(_SCALAR)))
LINE = re.compile(
    r"(?P<indent>(?:  )*)(?P<item>- )?(?:(?P<key>[A-Za-z][\w./-]*(?::[A-Za-z][\w.-]*)?):(?= |$))?"
    rf"(?: *(?P<value>{_VALUE}))?(?: +#.*)? *",
    re.ASCII,
)
"""Pattern of a canonical line. A key is not quoted, and has at most one colon: Pulumi reads `shop:config:api`
as `shop:api` (pulumi/pulumi, sdk/go/common/resource/config/key.go: ParseKey).
"""


LONGEST = 10_000
"""Largest number of characters of a line: the time of the comparison grows with their square."""


def line_objection(text: str) -> str:
    """Return the first reason why a line of a stack file is not canonical; empty if all are."""
    if match := re.search(r"[\t\r\x85\u2028\u2029]", text):
        return f"line {text.count(chr(10), 0, match.start()) + 1} has a tab or another line break than LF"
    open_indent, deepest = -1, 0  # the indent of a key without a value, and the largest possible indent
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if len(line) > LONGEST:
            return f"line {number} has more than {LONGEST:,} characters"
        match = LINE.fullmatch(line)
        if not match:
            return (
                f"line {number} is not complete by itself; allowed: `key: value` and `- value`, without"
                " quoted keys, anchors, aliases, tags, merge keys, escapes, and text in several lines"
            )
        indent, key, value = len(match["indent"]), match["key"], match["value"]
        if indent > deepest:
            return f"line {number} is indented too far, and may continue the value above"
        if not key and not match["item"] and not (value.startswith("{") and 0 <= open_indent < indent):
            return f"line {number} has a value without a key"
        if key and not match["item"] and (indent == 2) != (":" in key):
            return f"line {number} has the key {key}; allowed: `namespace:name` below config, and only there"
        open_indent = indent if key and not value and not match["item"] else -1
        # A line that is indented further than the key or item continues a plain value, also after `- `.
        deepest = indent + 2 if not value or (key and match["item"]) else indent
    return ""
