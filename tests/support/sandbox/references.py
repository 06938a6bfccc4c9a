"""References in test data to the outputs of resources and of earlier steps, such as `<vpc.id>`."""

import re
from collections.abc import Mapping
from typing import Any, cast

REFERENCE = re.compile(r"<([\w.]+)>")


def fill(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return a value in which the references are replaced by the values of the variables.

    A reference to a variable that does not exist is None, and members and items that are None are left out.
    """
    if isinstance(value, str):
        if reference := REFERENCE.fullmatch(value):
            return _look_up(reference[1], variables)
        return REFERENCE.sub(lambda match: str(_look_up(match[1], variables)), value)
    if isinstance(value, dict):
        members = {key: fill(item, variables) for key, item in cast("dict[str, Any]", value).items()}
        return {key: item for key, item in members.items() if item is not None}
    if isinstance(value, list):
        items = (fill(item, variables) for item in cast("list[Any]", value))
        return [item for item in items if item is not None]
    return value


def _look_up(path: str, variables: Mapping[str, Any]) -> Any:
    """Return the value at a dotted path; None if the path does not exist."""
    value: Any = variables
    for name in path.split("."):
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return value
