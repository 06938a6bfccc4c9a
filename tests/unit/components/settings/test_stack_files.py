"""Tests of the committed stack files and their JSON schema for editors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml

from components.settings.config_commands import KeyPath
from components.settings.json_schema import example_value, keys_at, schema_at, stack_file_schema
from components.settings.load import load_file
from components.settings.stack import SECRETS
from eks_versions import OFFERED, STANDARD_SUPPORT
from tests.support.components.settings.stack_files import ROOT, STACKS, changed, committed, write
from tests.support.rows import each_row

SCHEMA = ROOT / "schemas" / "stack-file.schema.json"


def leaves(path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of all values in a stack file that are not maps."""
    for key in keys_at(path):
        inner = (*path, key)
        if schema_at(inner)["type"] == "object":
            yield from leaves(inner)
        else:
            yield inner


def key_paths(value: Any, path: str = "") -> set[str]:
    """Return the dotted paths of all values that are not maps."""
    if not isinstance(value, dict):
        return {path}
    return {
        inner_path
        for key, inner in cast(dict[str, Any], value).items()
        for inner_path in key_paths(inner, f"{path}.{key}")
    }


@each_row("stack", STACKS)
def test_a_committed_file_is_valid(stack: str) -> None:
    assert load_file(ROOT / f"Pulumi.{stack}.yaml").faults == []


@pytest.mark.parametrize("version", OFFERED)
def test_a_cluster_version_must_be_in_standard_support(version: str, tmp_path: Path) -> None:
    file = load_file(write(tmp_path, changed({"pipe:cluster.version": version})))
    assert (file.faults == []) == (version in STANDARD_SUPPORT)


def test_all_files_have_the_same_keys() -> None:
    dev, stg, prod = (key_paths(committed(stack)) for stack in STACKS)
    assert dev == stg == prod


ENCRYPTION = {"secretsprovider", "encryptedkey", "encryptionsalt"}
"""Keys that `pulumi stack init` and `pulumi config set --secret` add to a stack file."""


@each_row("stack", STACKS)
def test_a_committed_file_contains_secrets_only_encrypted(stack: str) -> None:
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    assert {"config"} <= content.keys() <= {"config", *ENCRYPTION}
    secrets = [content["config"][key] for key in SECRETS if key in content["config"]]
    assert all(value.keys() == {"secure"} for value in secrets)


def test_a_file_with_encrypted_secrets_is_valid(tmp_path: Path) -> None:
    config = committed() | {key: {"secure": "v1:abc"} for key in SECRETS}
    provider = "awskms://alias/pipe-state?region=ap-northeast-1&context_env=dev"
    file = write(tmp_path, config, secretsprovider=provider, encryptedkey="AQICAHh")
    assert load_file(file).faults == []
    jsonschema.validate(yaml.safe_load(file.read_text()), json.loads(SCHEMA.read_text()))


@each_row("stack", STACKS)
def test_the_schema_accepts_a_committed_file_and_the_file_names_it(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    jsonschema.validate(yaml.safe_load(text), json.loads(SCHEMA.read_text()))
    assert text.startswith("# yaml-language-server: $schema=schemas/stack-file.schema.json\n")


def test_the_committed_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == stack_file_schema(), (
        "run: python -m components.settings --schema > schemas/stack-file.schema.json"
    )


def test_the_schema_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(stack_file_schema())


def test_the_schema_marks_secrets_and_accepts_only_encrypted_ones() -> None:
    properties = stack_file_schema()["properties"]["config"]["properties"]
    assert {key for key, schema in properties.items() if schema.get("writeOnly")} == set(SECRETS)
    for key in SECRETS:
        jsonschema.validate({"secure": "v1:kS2n:aGVsbG8="}, properties[key])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate("hunter2-hunter2-hunter2", properties[key])


@each_row("path", list(leaves()), ids=lambda path: ".".join(map(str, path)))
def test_every_setting_has_a_description_and_a_valid_example(path: KeyPath) -> None:
    parent = schema_at(path[:-1])["properties"][path[-1]]
    assert parent.get("description"), "no docstring"
    schema = schema_at((*path, 0)) if schema_at(path)["type"] == "array" else schema_at(path)
    jsonschema.validate(example_value(schema), schema)


def test_the_project_declares_every_setting_with_an_empty_default() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    expected = {key.removeprefix("pipe:") for key in (*keys_at(()), *SECRETS) if key.startswith("pipe:")}
    assert set(project["config"]) == expected
    assert all(declared["default"] in ({}, "") for declared in project["config"].values())
