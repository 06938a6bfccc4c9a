"""Lists of strings and of regular expressions in the policy configuration."""

import re
from typing import cast

STRING_LIST = {"type": "array", "items": {"type": "string"}}
"""The JSON Schema of a list of strings."""


def patterns(value: object) -> list[re.Pattern[str]] | None:
    """Compile a list of regular expressions; return None if the value is not such a list."""
    if not isinstance(value, list):
        return None
    try:
        return [re.compile(cast(str, item)) for item in cast("list[object]", value)]
    except (re.error, TypeError):
        return None
