"""YAML files as mappings of unparsed values, which are written back as they are."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sandbox.errors import CommandError

Tree = dict[str, yaml.Node]
"""A YAML mapping with unparsed values, since Go and Python parse `on` and `18:30` differently."""

STRING, NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
"""The tags of a string and of null, which both parsers take from the same texts (gopkg.in/yaml.v3 v3.0.1,
resolve.go; PyYAML, resolver.py). Of other texts without quotes, such as `on`, they take other types.
"""

MERGE = "<<"
"""The key whose content a parser merges into the mapping around it."""

AMBIGUOUS = re.compile("(?!\\A)\ufeff|[\x80-\x9f\u2028\u2029]|\r(?!\n)")
"""Characters that Go and Python may read differently, or that most editors do not show as line breaks.

These are byte order marks after the start, control characters, and the line separators of other systems.

If U+FEFF begins the part of a file that the engine's parser has in memory, the parser takes the first
character of each line for it, such as the `#` of a comment (gopkg.in/yaml.v3 v3.0.1: yamlprivateh.go, is_bom;
scannerc.go, yaml_parser_scan_to_next_token).
"""


MOST_REPEATED = 100_000
"""Largest number of values for which the aliases of a file stand. A few lines of aliases of aliases stand for
more values than any reader can visit. Go's parser refuses such files, too (gopkg.in/yaml.v3 v3.0.1,
decode.go: "document contains excessive aliasing").
"""

MOST_REMEMBERED, LARGEST_REMEMBERED = 64, 100_000
"""Number of files of which the parsed content is kept, and the largest number of their characters.

A review reads each stack file several times. Parsed content takes a hundred times as much memory.
"""

LARGEST = 2**20
"""Largest number of characters of a file. A stack file has some thousands, and the parsed content of a much
larger one would take gigabytes of memory.
"""

PLAIN_TAGS = (STRING, NULL, "tag:yaml.org,2002:bool")
"""The tags of the scalars in plain YAML."""

NOT_TEXT = re.compile(r"[-+.]?\d[\da-fA-FoxTtZz_.:+ -]*|[yYnN]")
"""Texts without quotes that Go may take for a number, a time or a boolean where Python sees a string, such as
`1e3` (go.yaml.in/yaml/v2 v2.4.2, resolve.go).
"""


class _UnsupportedSyntax(yaml.MarkedYAMLError):
    """An error about a part of YAML that Go and Python apply differently."""


class _Loader(yaml.SafeLoader):
    """A loader that refuses tags and directives. For example, only Go takes `!!str 1e3` as a text."""

    def fetch_tag(self) -> None:
        raise _UnsupportedSyntax(problem="the tag", problem_mark=self.get_mark())

    def fetch_directive(self) -> None:
        raise _UnsupportedSyntax(problem="the directive", problem_mark=self.get_mark())


class _PlainLoader(_Loader):
    """A loader that refuses aliases, too."""

    def fetch_alias(self) -> None:
        raise _UnsupportedSyntax(problem="the alias", problem_mark=self.get_mark())


class _Dumper(yaml.Dumper):
    """A writer that uses no braces and brackets, in which it would write `18:30` as `!!int '18:30'`."""

    def serialize_node(self, node: yaml.Node, parent: Any, index: Any) -> None:
        style = node.flow_style if isinstance(node, yaml.CollectionNode) else None
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = False
        super().serialize_node(node, parent, index)  # pyright: ignore[reportUnknownMemberType]
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = style


def read(file: Path) -> Tree:
    """Return the top-level mapping of a YAML file.

    Raise CommandError if the file is missing, is too large, is not YAML, has no such mapping, or has parts
    that the engine may read differently.
    """
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        raise CommandError(f"{file} is missing.") from None
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not YAML: {error}") from None
    if len(text) > LARGEST:
        raise CommandError(f"{file} has {len(text):,} characters. At most {LARGEST:,} are allowed.")
    return members((_parse if len(text) > LARGEST_REMEMBERED else _remembered)(file, text))


def _parse(file: Path, text: str) -> yaml.MappingNode:
    """Return the top-level mapping of a file with this text, which nobody may change."""
    try:
        if match := AMBIGUOUS.search(text):
            line = len(re.findall(r"\r\n?|\n", text[: match.start()])) + 1
            raise CommandError(
                f"{file}, line {line}: Pulumi may read the character U+{ord(match[0]):04X} differently. "
                f'Remove it, or write "\\u{ord(match[0]):04x}" in a text in double quotes.'
            )
        node = yaml.compose(text, _Loader)
    except _UnsupportedSyntax as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise CommandError(
            f"{file}, line {line}: Pulumi may read {error.problem} differently. Remove it; a text that looks "
            "like a number needs only quotes."
        ) from None
    except yaml.YAMLError as error:
        raise CommandError(f"{file} is not YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise CommandError(f"{file} is not a mapping of keys to values.")
    sizes: dict[int, int] = {}
    if _check(file, node, [], sizes) - len(sizes) > MOST_REPEATED:
        raise CommandError(
            f"{file}: its aliases stand for more than {MOST_REPEATED:,} values. Write out the values, or use "
            "fewer aliases of aliases."
        )
    return node


_remembered = lru_cache(MOST_REMEMBERED)(_parse)


def _check(file: Path, node: yaml.Node, parents: list[yaml.Node], sizes: dict[int, int]) -> int:
    """Return the number of values in a node, with those for which aliases stand.

    Raise CommandError for a key that is no string, a merge key or a repeated key, at any depth of the node.
    Go merges the content of `<<` into its mapping (gopkg.in/yaml.v3 v3.0.1, decode.go: isMerge), and the
    other keys that are no strings have different texts. `parents` are the nodes around this one. `sizes` has
    the numbers of the nodes that were checked, by `id`: each node is checked once.
    """
    if id(node) in sizes:
        return sizes[id(node)]
    if isinstance(node, yaml.CollectionNode) and node in parents:
        raise CommandError(f"{file}, line {node.start_mark.line + 1}: the value contains itself.")
    keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    texts: set[str] = set()
    for key in keys:
        where = f"{file}, line {key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or key.tag != STRING or key.value == MERGE:
            raise CommandError(f"{where}: a key is not a string. Quote it, and use no merge keys.")
        if key.value in texts:
            raise CommandError(f"{where}: the key {key.value} is there twice. Remove one of them.")
        texts.add(key.value)
    children = node.value if isinstance(node, yaml.SequenceNode) else members(node).values()
    sizes[id(node)] = 1 + sum(_check(file, child, [*parents, node], sizes) for child in children)
    return sizes[id(node)]


def parse_plain(text: str) -> Any:
    """Return the content of a text in plain YAML; raise yaml.YAMLError if it is no such text.

    In plain YAML, each scalar is a text, a boolean or null and has one line. There are no braces and brackets
    except for empty ones, no tags, aliases and merge keys, and no repeated keys. All parsers agree about it:
    with others, Go lets the keys merged by a `<<` replace those before it, unlike Python.
    """
    if AMBIGUOUS.search(text):
        raise yaml.YAMLError("an ambiguous character")
    return _plain_value(yaml.compose(text, _PlainLoader))


def _plain_value(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.CollectionNode) and node.value and node.flow_style:
        raise _UnsupportedSyntax(problem="the braces or brackets", problem_mark=node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [_plain_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        keys = [_plain_value(key) for key, _ in node.value]
        if not all(isinstance(key, str) and key != MERGE for key in keys) or len({*keys}) < len(keys):
            raise _UnsupportedSyntax(problem="a key", problem_mark=node.start_mark)
        return dict(zip(keys, (_plain_value(value) for _, value in node.value), strict=True))
    if not isinstance(node, yaml.ScalarNode):
        return None
    has_lines = node.start_mark.line != node.end_mark.line
    if has_lines or node.tag not in PLAIN_TAGS or (node.style is None and NOT_TEXT.fullmatch(node.value)):
        raise _UnsupportedSyntax(problem="the value", problem_mark=node.start_mark)
    return yaml.safe_load(node.value) if node.tag != STRING else node.value


def members(node: yaml.Node) -> Tree:
    """Return the values of a mapping by key; an empty dict for other nodes, such as an empty `config:`."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def mapping(tree: Tree) -> yaml.MappingNode:
    """Return the mapping node with the keys and values of a tree."""
    pairs = [(yaml.ScalarNode(STRING, key), value) for key, value in tree.items()]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs)


def serialize(node: yaml.Node) -> str:
    """Return a node as YAML."""
    return yaml.serialize(  # pyright: ignore[reportUnknownMemberType]
        node, Dumper=_Dumper, allow_unicode=True
    )
