"""Strict YAML: a duplicate key is an error, and an invalid date remains a string."""

from typing import Any, cast

import yaml
from yaml.constructor import ConstructorError


# This does not import components/common/strict_yaml.py: a policy must not share the code that it checks.
class _Loader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys and keeps invalid dates as strings."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
            if key.value in seen:
                raise ConstructorError(None, None, f"duplicate key {key.value!r}", key.start_mark)
            seen.add(key.value)
    loader.flatten_mapping(node)
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
