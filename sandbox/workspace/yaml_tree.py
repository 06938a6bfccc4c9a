"""YAML files as mappings of unparsed values, which are written back as they are."""

from pathlib import Path

import yaml

from sandbox.errors import CommandError

Tree = dict[str, yaml.Node]
"""A YAML mapping with unparsed values, since Go and Python parse `on` and `18:30` differently."""

STRING = "tag:yaml.org,2002:str"
"""The tag of a string."""


def read(file: Path) -> Tree:
    """Return the top-level mapping of a YAML file.

    Raise CommandError if the file is missing, is not YAML, or has no such mapping.
    """
    try:
        node = yaml.compose(file.read_text(), yaml.SafeLoader)
    except FileNotFoundError:
        raise CommandError(f"{file} is missing.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is not YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise CommandError(f"{file} is not a mapping of keys to values.")
    return members(node)


def members(node: yaml.Node) -> Tree:
    """Return the values of a mapping by key; an empty dict for other nodes, such as an empty `config:`."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def mapping(tree: Tree) -> yaml.MappingNode:
    """Return the mapping node with the keys and values of a tree."""
    pairs = [(yaml.ScalarNode(STRING, key), value) for key, value in tree.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs)


def serialize(node: yaml.Node) -> str:
    """Return a node as YAML."""
    return yaml.serialize(node, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType]
