"""What the review's own waivers do to a report."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.engine.waivers import utc_day
from review.build import build
from review.engine_run import Step
from review.model import BASE_TO_HEAD, Report
from review.plain_data import masks
from tests.support.review.stacks import KEY, resource, stack, urn

WAIVER: dict[str, Any] = {
    "reason": "an empty key",
    "owner": "platform",
    "ticket": "OPS-1",
    "match": [{"policies": ["stateful-deleted"], "targets": [urn(KEY, "old")]}],
}


def report(folder: Path, days: int, name: str = "old", **changed: Any) -> Report:
    """On a key that is deleted, with a waiver for the key `old`."""
    waiver = WAIVER | {"expires": utc_day() + timedelta(days=days)} | changed
    (folder / "review").mkdir()
    (folder / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    gone = stack(Step("delete", resource(KEY, name), None))
    return build(BASE_TO_HEAD, ("base", "head"), [gone], masks([]), folder)


def test_a_waiver_takes_on_what_blocks(tmp_path: Path) -> None:
    found = report(tmp_path, 3)
    assert (found.code, found.notes[1:]) == (0, [])
    assert found.findings[0].waiver.startswith("waived until ")


def test_an_expired_waiver_takes_on_nothing_and_is_told(tmp_path: Path) -> None:
    found = report(tmp_path, -1)
    assert (found.code, found.findings[0].waiver, found.notes[1:]) == (1, "", [])
    day = utc_day() - timedelta(days=1)
    assert found.findings[0].message.endswith(
        f"\nits waiver expired on {day}: an empty key (platform, OPS-1)"
    )


@pytest.mark.parametrize("days", [3, -1])
def test_a_waiver_that_nothing_needs_is_told(tmp_path: Path, days: int) -> None:
    found = report(tmp_path, days, "other")
    assert found.code == 1
    assert found.notes[1:] == [
        "review/waivers.yaml: the waiver of platform (OPS-1: an empty key) covers no finding; remove it"
    ]


def test_a_waiver_that_names_a_stack_and_covers_several_is_needed(tmp_path: Path) -> None:
    match = [{"policies": ["stateful-deleted"], "targets": ["urn:pulumi:*::old"]}]
    waiver = WAIVER | {"expires": utc_day(), "match": match, "reason": "dev goes first"}
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
    gone = [stack(Step("delete", resource(KEY, "old"), None), name=name) for name in ("dev", "stg")]
    found = build(BASE_TO_HEAD, ("base", "head"), gone, masks([]), tmp_path)
    assert (found.code, found.notes[2:]) == (0, [])


def test_a_waiver_of_another_stack_is_not_told(tmp_path: Path) -> None:
    match = [{"policies": ["stateful-deleted"], "targets": ["urn:pulumi:prod::*"]}]
    assert report(tmp_path, 3, match=match).notes[1:] == []


def test_a_waiver_with_a_fault_takes_on_nothing_and_the_fault_is_told(tmp_path: Path) -> None:
    found = report(tmp_path, 400)
    assert found.code == 1
    assert "400 days away; at most 180" in found.notes[0]
