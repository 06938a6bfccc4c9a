"""Tests of the differences that a preview prints, and of the command that it suggests."""

from pathlib import Path
from typing import Any

import pytest

from sandbox import summary
from sandbox.differences import Difference, compare
from sandbox.progress import Progress
from sandbox.summary import LATER, Phase
from sandbox.workspace.stacks import Stack

DEPLOYMENT, DATABASE, KEY = "kubernetes:apps/v1:Deployment", "aws:rds/instance:Instance", "aws:kms/key:Key"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "s3cret"}


def event(
    op: str, resource_type: str, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the engine's event about a planned operation on a resource."""

    def state(inputs: dict[str, Any] | None) -> dict[str, Any] | None:
        return inputs and {"parent": "", "custom": True, "inputs": inputs, "outputs": {}}

    urn = f"urn:pulumi:dev::pipe::{resource_type}::it"
    metadata = {"op": op, "urn": urn, "type": resource_type, "old": state(old), "new": state(new)}
    return {"resOutputsEvent": {"metadata": metadata}}


def preview(*events: dict[str, Any]) -> Phase:
    """Return a preview that recorded these events."""
    phase = Phase(preview=True)
    for recorded in events:
        phase.record(recorded)
    return phase


def printed(phase: Phase, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    """Return the summary of a successful preview of dev."""
    stack = Stack("dev", tmp_path, tmp_path, "pipe", tmp_path)
    summary.show(phase, Progress(), stack=stack, operation="preview", code=0, file=tmp_path / "summary.json")
    return capsys.readouterr().out


def test_every_input_that_changes_is_a_line() -> None:
    old: dict[str, Any] = {
        "spec": {"replicas": 3, "args": ["a", "b"]},
        "metadata": {"labels": {"a.b/c": "x", "__defaults": "x"}},
        "__defaults": [],
    }
    labels = {"a.b/c": "y", "__defaults": "y"}
    new = {"spec": {"replicas": 2, "args": ["a"]}, "metadata": {"labels": labels}, "role": LATER}
    assert compare("update", DEPLOYMENT, old, new, LATER) == Difference(
        "update",
        (
            "spec.replicas: 3 → 2",
            "spec.args[1]: b → (absent)",
            'metadata.labels["a.b/c"]: x → y',
            "metadata.labels.__defaults: x → y",
        ),
        ("role",),
    )


def test_a_long_value_is_shown_from_its_first_difference() -> None:
    [line] = compare("update", KEY, {"policy": "x" * 100 + "old"}, {"policy": "x" * 100 + "new"}, LATER).lines
    assert line == f"policy: … {'x' * 20}old → … {'x' * 20}new"


def test_secrets_are_masked() -> None:
    phase = preview(event("update", KEY, {"a": SECRET, "b": 1}, {"a": {**SECRET, "value": "other"}, "b": 2}))
    [difference] = phase.differences.values()
    assert difference.lines == ("b: 1 → 2",)


def test_a_preview_shows_the_differences_and_the_next_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    phase = preview(
        event("update", DEPLOYMENT, {"spec": {"replicas": 3}}, {"spec": {"replicas": 2}}),
        event("create", KEY, None, {"description": "new"}),
    )
    text = printed(phase, capsys, tmp_path)
    lines = "Differences\n  ~ update it (kubernetes:apps:Deployment)\n      spec.replicas: 3 → 2\n"
    assert lines in text
    assert text.endswith("Next: make sandbox STACK=dev\n")


@pytest.mark.parametrize(
    "events",
    [
        [
            event("delete-replaced", DATABASE, {"identifier": "old"}, None),
            event("replace", DATABASE, {"identifier": "old"}, {"identifier": "new"}),
            event("create-replacement", DATABASE, {"identifier": "old"}, {"identifier": "new"}),
        ],
        [event("delete", DATABASE, {"identifier": "old"}, None)],
        [
            event(operation, DATABASE, {"identifier": "old"}, None)
            for operation in ("delete-replaced", "remove-pending-replace")
        ],
    ],
    ids=["replaced", "deleted", "deleted with a replaced one"],
)
def test_a_preview_that_loses_data_does_not_suggest_to_go_on(
    events: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = printed(preview(*events), capsys, tmp_path)
    assert "make sandbox" not in text
    assert "      data: Only a final snapshot is left; a new instance does not start from it.\n" in text
    assert text.endswith(
        "Next: change the program, since data is at risk: it; then make preview STACK=dev again\n"
    )
    assert ("identifier: old → new" in text) == (len(events) == 3)


def test_a_resource_that_is_deleted_with_a_replaced_one_counts_as_deleted() -> None:
    operations = ("delete-replaced", "remove-pending-replace")
    events = [event(operation, DATABASE, {"identifier": "old"}, None) for operation in operations]
    phase = preview(*events, {"summaryEvent": {"resourceChanges": {"delete": 1, "replace": 0}}})
    assert phase.changes == {"delete": 2}
    assert [row["op"] for row in phase.resources.values()] == ["delete"]


def test_only_a_preview_has_differences() -> None:
    phase = Phase(preview=False)
    phase.record(event("update", KEY, {"a": 1}, {"a": 2}))
    assert phase.differences == {}
