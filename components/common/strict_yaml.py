"""YAML loader with the Pulumi engine's rules: repeated keys are errors, and `on` and `yes` are strings.

The policies have their own loader, since they must not share code with the program that they check.
"""

from collections.abc import Hashable
from typing import Any

import yaml


class _StrictLoader(yaml.CSafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.value in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} occurs twice", problem_mark=key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.1, which PyYAML reads, has more booleans than `true` and `false`.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if first in "tTfF" or not tag.endswith(":bool")]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """Return the content of a YAML document; raise yaml.YAMLError if it is not valid."""
    return yaml.load(text, _StrictLoader)
