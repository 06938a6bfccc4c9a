"""Strict YAML: keys are distinct strings, merge keys are errors, and an invalid date remains a string."""

from typing import Any, cast

import yaml
from yaml.constructor import ConstructorError

STRING, MERGE = "tag:yaml.org,2002:str", "<<"
"""The tag of a string, and the key whose content a parser merges into the mapping around it."""


# This does not import components/common/strict_yaml.py: a policy must not share the code that it checks.
class _Loader(yaml.SafeLoader):
    """A safe loader that refuses keys other than distinct strings, and keeps invalid dates as strings."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != STRING or key.value == MERGE:
            raise ConstructorError(None, None, "a key is not a string, or is a merge key", key.start_mark)
        if key.value in seen:
            raise ConstructorError(None, None, f"duplicate key {key.value!r}", key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node)


def _timestamp(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


cast(Any, _Loader).add_constructor("tag:yaml.org,2002:map", _mapping)
cast(Any, _Loader).add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def read(text: str) -> Any:
    """Return the content of a document; raise yaml.YAMLError if it is invalid."""
    return yaml.load(text, _Loader)
