"""Tests of the reading of YAML files: what Go and Python read differently is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.errors import CommandError
from sandbox.workspace.stacks import projects
from sandbox.workspace.yaml_tree import LARGEST, mapping, parse_plain, read, serialize
from tests.support.stacks import ROOT

FILES = [
    file for folder in sorted({*projects(ROOT).values()}) for file in sorted(folder.glob("Pulumi*.yaml"))
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2 # x\ufeff\n", "line 2: Pulumi may read the character U+FEFF"),
        ("a: 1\r\n\r\n# x\u2028b: 2\r\n", "line 3: Pulumi may read the character U+2028"),
        ("a: 'x\u2029'\n", "line 1: Pulumi may read the character U+2029"),
        ("a: 1 # x\x85b: 2\n", "line 1: Pulumi may read the character U+0085"),
        ("a: x\x9b\n", "line 1: Pulumi may read the character U+009B"),
        ("a: 1\n# x\rb: 2\n", "line 2: Pulumi may read the character U+000D"),
        ("a: 1\nb: !!str 1e3\n", "line 2: Pulumi may read the tag"),
        ("a: [! x]\n", "line 1: Pulumi may read the tag"),
        ("!!str a: 1\n", "line 1: Pulumi may read the tag"),
        ("# x\n%TAG ! !x\n--- \na: 1\n", "line 2: Pulumi may read the directive"),
    ],
)
def test_what_go_may_read_differently_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_bytes(text.encode())
    with pytest.raises(CommandError, match=re.escape(f"{file}, {message} differently. Remove it")):
        read(file)


KEY = "a key is not a string. Quote it, and use no merge keys."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n<<: {b: 2}\n", f"line 2: {KEY}"),
        ("config:\n  <<: {pulumi:autonaming: {value: {mode: verbatim}}}\n", f"line 2: {KEY}"),
        ("config: {a: [{b: 1, <<: {c: 2}}]}\n", f"line 1: {KEY}"),
        ("config: {'<<': {a: 1}}\n", f"line 1: {KEY}"),
        ("x: &x {a: 1}\nconfig:\n  b:\n    <<: *x\n", f"line 4: {KEY}"),
        ("a: 1\non: 2\n", f"line 2: {KEY}"),
        ("config: {1: 2}\n", f"line 1: {KEY}"),
        ("? [a]\n: 1\n", f"line 1: {KEY}"),
        ("a: 1\n'a': 2\n", "line 2: the key a is there twice."),
        ("config:\n  a: [{b: 1, b: 1}]\n", "line 2: the key b is there twice."),
        ("config: &x\n  a: *x\n", "line 1: the value contains itself."),
    ],
)
def test_every_key_has_to_be_a_string_of_its_own(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.yaml"
    file.write_text(text)
    with pytest.raises(CommandError, match=re.escape(f"{file}, {message}")):
        read(file)


@pytest.mark.parametrize("levels", [900, 14, 7])
def test_aliases_of_aliases_are_refused_without_a_visit_of_all_values(levels: int, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    lines = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    file.write_text("\n".join(["a0: &a0 [z]", *lines]))
    with pytest.raises(CommandError, match="its aliases stand for more than 100,000 values"):
        read(file)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(f"a: b\n# {'x' * LARGEST}\n")
    with pytest.raises(CommandError, match=r"dev\.yaml has 1,048,584 characters\. At most 1,048,576 are"):
        read(file)


def test_a_few_aliases_are_read(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("a: &a [x, {b: y}]\nc: *a\nd: [*a, *a]\n")
    assert [*read(file)] == ["a", "c", "d"]


def test_other_characters_of_all_languages_are_read(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_bytes('\ufeffa: 東京 # é \u00a0\r\nb: "! \\u2028\\ufeff\\u0085" # !x\r\nc: x%!y\n'.encode())
    values = {key: node.value for key, node in read(file).items()}
    assert values == {"a": "東京", "b": "! \u2028\ufeff\x85", "c": "x%!y"}
    file.write_text(serialize(mapping(read(file))))
    assert {key: node.value for key, node in read(file).items()} == values


def test_values_are_written_without_tags(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config: {a: , b: [18:30, on, '1', 010], c: [], d: {}}\n")
    text = serialize(mapping(read(file)))
    assert text == "config:\n  a:\n  b:\n  - 18:30\n  - on\n  - '1'\n  - 010\n  c: []\n  d: {}\n"


@pytest.mark.parametrize("file", FILES)
def test_the_files_of_this_repository_are_read(file: Path) -> None:
    assert read(file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: x # comment\n'b': \"y\\n\"\nc:\n- --region\n- d: eu\n  e: true\n- {}\n- []\n- null\n-\n", None),
        ("- https://a.example:6443\n- 'on'\n- on\n- '1e3'\n", ["https://a.example:6443", "on", True, "1e3"]),
        ("", None),
    ],
)
def test_plain_yaml_is_parsed(text: str, value: Any) -> None:
    assert parse_plain(text) == yaml.safe_load(text) == (value or yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "a: 1e3",
        "a: 010",
        "a: y",
        "a: 2020-01-01",
        "a: !!str x",
        "!!binary YQ==: x",
        "a: x\n<<: {a: y}",
        "a: x\n'<<': x",
        "a: &b {}\nc: *b",
        "a: x\na: y",
        "on: x",
        "? [a]\n: x",
        "a: {b: c}",
        "a: [b]",
        "a: x\n  y",
        "a: |\n  x",
        "a: x\u2028b: y",
        "a: x\n---\na: y",
        "]",
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_plain(text)


def test_a_file_with_a_new_content_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: {b: 1}")
    tree = read(file)
    assert serialize(mapping(tree)) == "a:\n  b: 1\n"
    tree.clear()
    value = read(file)["a"]
    assert isinstance(value, yaml.MappingNode)
    assert value.flow_style, "neither a caller nor the writer changes what is kept"
    file.write_text("a: 2")
    assert read(file)["a"].value == "2"
    file.unlink()
    with pytest.raises(CommandError, match="is missing"):
        read(file)
