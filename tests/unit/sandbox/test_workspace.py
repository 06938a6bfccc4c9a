"""Tests of a stack's folder: random values in place of secrets, and interrupted creations."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.workspace import Stack, adopt, prepare, state

PROJECT = "name: thing\nruntime: python\n"
FILE = "config:\n  thing:one:\n    secure: v1:aaa\n  thing:two:\n    secure: v1:bbb\n"


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


NEW: dict[str, Any] = {"urn": "it", "inputs": {"size": 1}, "id": "2", "outputs": {"size": 1}}
OTHER: dict[str, Any] = {"urn": "other", "id": "1", "dependencies": ["it"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [NEW]),
        ([{"urn": "it", "id": "1"}, OTHER], [{"urn": "it", "id": "1", "delete": True}, OTHER, NEW]),
        # A resource with pendingReplacement has already been deleted.
        ([{"urn": "it", "id": "1", "pendingReplacement": True}, OTHER], [NEW, OTHER]),
        ([{"urn": "it", "id": "0", "delete": True}], [{"urn": "it", "id": "0", "delete": True}, NEW]),
    ],
)
def test_an_adopted_resource_takes_the_place_of_the_one_that_it_replaces(
    stack: Stack, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    adopted = {"type": "creating", "resource": {key: NEW[key] for key in ("urn", "inputs")}}
    lost = {"type": "creating", "resource": {"urn": "gone"}}
    latest = {"resources": before, "pending_operations": [adopted, lost]}
    stack.checkpoint.parent.mkdir(parents=True)
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": latest}}))
    adopt(stack, {"it": "2"})
    assert state(stack, "resources") == after
    assert state(stack, "pending_operations") == [lost]
