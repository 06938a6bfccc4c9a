"""Tests of the copy of a stack file: random values in place of secrets."""

import json
from pathlib import Path

import pytest

from sandbox.errors import CommandError
from sandbox.workspace.stack_files import prepare, unset_secrets
from sandbox.workspace.stacks import Stack
from sandbox.workspace.yaml_tree import members, read, serialize

PROJECT = "name: thing\nruntime: python\n"
FILE = "config:\n  thing:one:\n    secure: v1:aaa\n  thing:two:\n    secure: v1:bbb\n"


def write_schema(tree: Path, secret: str) -> None:
    (tree / "schemas").mkdir(parents=True)
    schema = {"properties": {"config": {"properties": {secret: {"writeOnly": True}}}}}
    (tree / "schemas" / "stack-file.schema.json").write_text(json.dumps(schema))


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    stack = Stack("dev", tmp_path, tmp_path, "thing", tmp_path / ".sandbox" / "dev")
    assert prepare(stack) == ["thing:one", "thing:two"]
    copy = stack.folder / "Pulumi.dev.yaml"
    copy.write_text(FILE.replace("v1:", "v1:random-"))
    assert prepare(stack) == []
    return stack


def test_a_secret_keeps_its_value_while_its_text_is_the_same(stack: Stack) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(FILE.replace("    secure", "      secure"))
    assert prepare(stack) == []


def test_a_secret_gets_another_value_when_its_text_changes(stack: Stack) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(FILE.replace("v1:bbb", "v1:ccc"))
    assert prepare(stack) == ["thing:two"]
    assert "random-aaa" in (stack.folder / "Pulumi.dev.yaml").read_text()
    assert "random-bbb" not in (stack.folder / "Pulumi.dev.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  one: 1\n", "thing:one and one are one setting"),
        ("  thing:config:one: 1\n", "thing:one and thing:config:one are one setting"),
        ("  !!binary dGhpbmc6b25l: 1\n", "line 6: Pulumi may read the tag differently"),
        ("  <<: {thing:one: 1}\n", "line 6: a key is not a string"),
        ("  thing:three: [{a: 1, <<: {a: 2}}]\n", "line 6: a key is not a string"),
    ],
)
def test_a_setting_that_pulumi_reads_differently_is_refused(stack: Stack, text: str, message: str) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(FILE + text)
    with pytest.raises(CommandError, match=message):
        prepare(stack)


@pytest.mark.parametrize("config", ["on", "1:30", "=", "folder", "''", "[]"])
def test_a_config_that_names_a_folder_of_stack_files_is_refused(stack: Stack, config: str) -> None:
    (stack.root / "Pulumi.yaml").write_text(f"{PROJECT}config: {config}\n")
    with pytest.raises(CommandError, match=r"Pulumi.yaml, line 3: `config` is not a mapping"):
        prepare(stack)


def test_an_empty_config_is_no_folder(stack: Stack) -> None:
    (stack.root / "Pulumi.yaml").write_text(f"{PROJECT}config:\n")
    assert prepare(stack) == []


@pytest.mark.parametrize(
    "value",
    [
        "{secure: {}}",
        "{secure: true}",
        "{secure: [v1:aaa]}",
        "{secure: on}",
        "{secure: 1e20}",
        "{secure: 2026-01-01}",
        "{nested: {secure: v1:aaa}}",
        "[{secure: v1:aaa}]",
    ],
)
def test_a_value_that_is_not_a_secret_for_every_parser_is_refused(stack: Stack, value: str) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  thing:three: {value}\n")
    with pytest.raises(CommandError, match=r"dev.yaml, line 6: `secure` has to be the encrypted text"):
        prepare(stack)


@pytest.mark.parametrize(
    "name", ["thing:three=x", '"thing:three"', "'thing:three'", "-three", "", "a:b:c:d", "ä"]
)
def test_a_secret_whose_name_a_command_would_read_differently_is_refused(stack: Stack, name: str) -> None:
    """`pulumi config set-all --secret=thing:three=x=VALUE` sets thing:three, which no deployment has."""
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  {json.dumps(name)}: {{secure: v1:ccc}}\n")
    with pytest.raises(CommandError, match="is no name of a secret setting; allowed are letters"):
        prepare(stack)


def test_a_plain_setting_may_have_any_name(stack: Stack) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  thing:three=x: value\n")
    assert prepare(stack) == []


def test_an_encrypted_text_has_one_value_under_all_keys(stack: Stack) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  thing:three: {{secure: 'v1:aaa'}}\n")
    assert prepare(stack) == []
    copy = members(read(stack.folder / "Pulumi.dev.yaml")["config"])
    assert serialize(copy["thing:three"]) == serialize(copy["thing:one"])


@pytest.mark.parametrize("text", ["'5'", "v1:a+/b=:c", "AQICAHhw0123456789012345+/=="])
def test_an_encrypted_text_is_a_secret(stack: Stack, text: str) -> None:
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  thing:three: {{secure: {text}}}\n")
    assert prepare(stack) == ["thing:three"]


def test_a_secret_of_the_schema_has_one_value_however_its_name_is_written(stack: Stack) -> None:
    write_schema(stack.root, "thing:token")
    assert prepare(stack) == ["thing:token"]
    (stack.root / "Pulumi.dev.yaml").write_text(f"{FILE}  thing:config:token: plain\n")
    assert prepare(stack) == []


def test_of_the_unset_secrets_only_the_named_ones_get_a_value(stack: Stack) -> None:
    write_schema(stack.root, "thing:token")
    assert prepare(stack, random_secrets=[]) == []
    assert prepare(stack, random_secrets=["thing:other"]) == ["thing:other"]


def test_a_secret_is_unset_unless_the_file_has_it_under_any_name(stack: Stack) -> None:
    names = ["thing:one", "thing:two", "thing:three", "other:four"]
    (stack.root / "Pulumi.dev.yaml").write_text(FILE.replace("thing:two", "thing:config:two"))
    assert unset_secrets(stack.project, "dev", names) == {"thing:three"}


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"properties": {"config": {"properties": {"thing:a": 1}}}}', "[" * 10**5]
)
def test_a_file_that_is_no_schema_is_refused(stack: Stack, text: str) -> None:
    (stack.root / "schemas").mkdir()
    (stack.root / "schemas" / "stack-file.schema.json").write_text(text)
    with pytest.raises(CommandError, match=r"stack-file\.schema\.json is not a JSON Schema of stack files"):
        prepare(stack)
