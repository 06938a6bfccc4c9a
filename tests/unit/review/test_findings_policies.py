"""What the policies say of head and base."""

from pathlib import Path

import pytest

from policies.engine.pack import ALL
from review.build import build
from review.engine_run import Observed, Stack, Step
from review.findings import policies
from review.locate import StackFile
from review.model import EXISTING, FIXED, NEW, STATE_TO_HEAD, UNKNOWN, WAIVED, Finding
from review.plain_data import masks
from review.render import renderings
from tests.support.review.stacks import KEY, resource, urn

RULE = next(rule for rule in ALL if rule.remediation and rule.controls)
WAIVED_UNTIL = "waived until 2030-01-01 (9 days left): why\n"
FILE = StackFile("Pulumi.dev.yaml", {"pipe:key.days": ("5", 7)}, {"pipe:key.days": ("5", 7)})


def side(*messages: str, level: str = "mandatory") -> Observed:
    """A run in which a rule says this of a key."""
    said = {"policy": RULE.name, "urn": urn(KEY, "disk"), "level": level, "severity": ""}
    seen = Observed(Path())
    seen.said.violations += [{**said, "message": message} for message in messages]
    return seen


def found(head: Observed, base: Observed | None) -> list[Finding]:
    """What is found of a key."""
    disk = resource(KEY, "disk", {"days": 5})
    head.steps[disk.urn] = Step("same", disk, disk)
    return [*policies(Stack("dev", head, base, FILE), base)]


@pytest.mark.parametrize(
    ("head", "base", "status", "blocks"),
    [
        (side("days is 5"), side(), NEW, True),
        (side("days is 5"), side("days is 4"), EXISTING, False),
        (side(), side("days is 5"), FIXED, False),
        (side("days is 5"), side(f"{WAIVED_UNTIL}days is 5"), NEW, True),
        (side(f"{WAIVED_UNTIL}days is 5"), side("days is 5"), NEW, False),
        (side("days is 5", level="advisory"), side(), NEW, False),
        (side("days is 5"), None, NEW, True),
        (side(f"{WAIVED_UNTIL}days is 5"), None, EXISTING, False),
        (side("days", level=UNKNOWN), side(), EXISTING, False),
    ],
    ids=[
        "new",
        "existing",
        "fixed",
        "no longer waived",
        "newly waived",
        "advisory",
        "without a base",
        "waived without a base",
        "unknown",
    ],
)
def test_what_the_base_has_already_does_not_block(
    head: Observed, base: Observed | None, status: str, blocks: bool
) -> None:
    assert [(each.status, each.blocks) for each in found(head, base)] == [(status, blocks)]


def test_a_finding_has_the_rules_controls_and_remediation_and_the_line_of_the_setting() -> None:
    (one,) = found(side("days is 5; set it to 30"), None)
    assert one.controls == [f"{RULE.framework}: {control}" for control in RULE.controls]
    assert (one.remediation, one.message) == (RULE.remediation, "days is 5; set it to 30")
    assert one.setting and (one.setting.key, one.setting.line) == ("pipe:key.days", 7)


def test_a_waiver_is_said_apart_from_the_message() -> None:
    (one,) = found(side(f"{WAIVED_UNTIL}days is 5"), side())
    assert (one.verdict, one.waiver, one.message) == (WAIVED, WAIVED_UNTIL.strip(), "days is 5")


def test_in_a_real_preview_what_blocks_has_its_remediation_and_controls(tmp_path: Path) -> None:
    looked = Stack("dev", side("days is 5"))
    report = build(STATE_TO_HEAD, ("state", "head"), [looked], masks([]), tmp_path)
    (text,) = (
        each for each in renderings.terminal(report).split("\n\n") if RULE.name in each and "BLOCKS" in each
    )
    assert (
        f"{RULE.remediation} ({'; '.join(f'{RULE.framework}: {control}' for control in RULE.controls)})"
        in text
    )
    assert report.code == 1
