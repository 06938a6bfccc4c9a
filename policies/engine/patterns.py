"""Lists of regular expressions, as the configuration gives them."""

import re
from typing import cast

STRING_LIST = {"type": "array", "items": {"type": "string"}}
"""The JSON Schema of a list of texts."""


def patterns(value: object) -> list[re.Pattern[str]] | None:
    """The patterns of a list of texts; None when it is no such list."""
    if not isinstance(value, list):
        return None
    try:
        return [re.compile(cast(str, item)) for item in cast("list[object]", value)]
    except (re.error, TypeError):
        return None
