"""The lines on the terminal: no text of a program tells it what to do, and nothing is said twice."""

import dataclasses

import pytest

from review.render import renderings
from tests.support.review import made


@pytest.mark.parametrize(
    ("evil", "left"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;never ended", "a"),
        ("a\x9b2Jb\rc\x08d\x00", "a2Jbcd"),
        ("a\u202eb\u2066c", "abc"),
    ],
    ids=["colour", "link", "title", "cut off", "control characters", "turned around"],
)
def test_no_text_of_a_program_tells_the_terminal_what_to_do(evil: str, left: str) -> None:
    bad = dataclasses.replace(made.change(1, "replace", evil), name=evil, component=evil)
    found = dataclasses.replace(made.finding(0, evil), name=evil)
    text = renderings.terminal(made.report(changes=[bad], notes=[evil], verdict=evil, findings=[found]))
    assert not [char for char in text if char != "\n" and not char.isprintable()]
    lines = text.splitlines()
    assert lines[0] == left
    assert f"    ± replace {left} (aws:ec2:Thing) [dev, stg]  components/thing.py:10, __main__.py:3" in lines


def test_what_was_waived_before_is_a_count_with_names_and_the_waiver() -> None:
    said = "waived until 2027-01-31 (67 days left): it may be small (platform, OPS-1)"
    waived = [
        dataclasses.replace(
            made.finding(number * 7, f"size {number}", "existing"), waiver=said, verdict="waived"
        )
        for number in range(3)
    ]
    text = renderings.terminal(made.report(findings=[waived[0], *waived]))
    assert text.partition("Policy: existing\n")[2].partition("\n\n")[0].splitlines() == [
        "  thing-too-small-0 (mandatory, high, waived) [dev]: 4 in thing-0, thing-7, thing-14",
        f"      {said}",
    ]


def test_changes_that_are_alike_are_told_once() -> None:
    alike = [dataclasses.replace(made.change(number), component="labels") for number in range(2)]
    text = renderings.terminal(made.report(changes=alike))
    where = "[dev, stg]  components/thing.py:10, __main__.py:3"
    assert text.partition("  labels\n")[2].partition("\n\n")[0].splitlines() == [
        f"    ~ update thing-0 (aws:ec2:Thing) {where}",
        f"    ~ update thing-1 (aws:ec2:Thing) {where}",
        "        size: 10 → 20 ← pipe:database.storageGib (Pulumi.dev.yaml:44; changed alike)",
    ]


def test_a_secret_that_changes_is_said_to_change() -> None:
    change = made.change(1)
    secret = dataclasses.replace(
        change.properties[0], before="key=[secret]", after="key=[secret]", setting=None
    )
    text = renderings.terminal(made.report(changes=[dataclasses.replace(change, properties=[secret])]))
    assert "        size: changes (secret)\n" in text


def test_what_is_newly_waived_and_what_is_new_have_headings_of_their_own() -> None:
    waived = dataclasses.replace(made.finding(1), waiver="waived until 2027-01-31", verdict="waived")
    text = renderings.terminal(made.report(findings=[made.finding(), waived]))
    heads = [line for line in text.splitlines() if line.startswith("Policy: ")]
    assert heads == ["Policy: new or no longer waived", "Policy: newly waived"]
