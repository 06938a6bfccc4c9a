"""Tests of the state after interrupted creations."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.workspace import state
from sandbox.workspace.stacks import Stack

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
    tmp_path: Path, before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    stack = Stack("dev", tmp_path, tmp_path, "thing", tmp_path / ".sandbox" / "dev")
    adopted = {"type": "creating", "resource": {key: NEW[key] for key in ("urn", "inputs")}}
    lost = {"type": "creating", "resource": {"urn": "gone"}}
    latest = {"resources": before, "pending_operations": [adopted, lost]}
    stack.checkpoint.parent.mkdir(parents=True)
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": latest}}))
    state.adopt(stack, {"it": "2"})
    assert state.read(stack, "resources") == after
    assert state.read(stack, "pending_operations") == [lost]


@pytest.mark.parametrize("latest", [{"resources": [{"urn": "it"}]}, {"resources": None}, None])
def test_the_resources_of_the_latest_state_can_be_changed(
    tmp_path: Path, latest: dict[str, Any] | None
) -> None:
    stack = Stack("dev", tmp_path, tmp_path, "thing", tmp_path / ".sandbox" / "dev")

    def mark(resources: list[dict[str, Any]]) -> None:
        for resource in resources:
            resource["id"] = "1"

    state.change_resources(stack, mark)  # There is no state yet.
    stack.checkpoint.parent.mkdir(parents=True)
    stack.checkpoint.write_text(json.dumps({"checkpoint": {"latest": latest}}))
    state.change_resources(stack, mark)
    changed = [{"urn": "it", "id": "1"}] if latest and latest["resources"] else []
    assert state.read(stack, "resources") == changed
