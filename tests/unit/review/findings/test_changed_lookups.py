"""Tests of findings about look-ups whose arguments change."""

import html
import json
from pathlib import Path
from typing import Any

from review.findings.changed_lookups import (
    find_changed_lookups,
    find_failed_lookups,
    find_indistinct_lookups,
    find_long_lookups,
)
from review.render import renderings
from review.stacks.engine_run import EngineRun, read
from review.stacks.stack import Stack
from tests.support.review import samples

ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


def run(folder: Path, *lookups: tuple[str, dict[str, Any]], settings: str = "a1") -> EngineRun:
    """Return a run with look-ups, each a token with its arguments, through one provider."""
    file = folder / "lookups.jsonl"
    rows = ({"lookup": token, "args": args, "settings": settings} for token, args in lookups)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return EngineRun(folder).add(read(file))


def messages(base: EngineRun, head: EngineRun) -> list[str]:
    return [finding.message.partition("\n")[0] for finding in find_changed_lookups(Stack("dev", head, base))]


def test_a_look_up_with_other_arguments_is_a_finding(tmp_path: Path) -> None:
    base = run(tmp_path, (ZONES, {"state": "available"}))
    head = run(tmp_path, (ZONES, {"state": "impaired"}), (ZONES, {"state": "available"}))
    assert messages(base, head) == [f'{ZONES}: arguments none → {{"state": "impaired"}}']
    assert messages(head, base) == [f'{ZONES}: arguments {{"state": "impaired"}} → none']


def test_no_argument_displaces_another_one(tmp_path: Path) -> None:
    zone, hidden = "cloudflare:index/getZone:getZone", {"account": "not_equal:" + "x" * 240, "name": "prod"}
    base, head = run(tmp_path, (zone, {"name": "dev"})), run(tmp_path, (zone, hidden))
    report = samples.report(changes=[], findings=[*find_changed_lookups(Stack("dev", head, base))])
    for render in (renderings.render_markdown, renderings.render_terminal, renderings.render_html):
        text = html.unescape(render(report).replace("\u200b", ""))
        assert '"name": "dev"}' in text and '"name": "prod"}' in text
    assert [*find_long_lookups(Stack("dev", head, base, predicted=True))] == []


def test_each_of_many_look_ups_is_shown(tmp_path: Path) -> None:
    head = run(tmp_path, *((ZONES, {"state": f"n{number}-{'x' * 40}"}) for number in range(100)))
    report = samples.report(changes=[], findings=[*find_changed_lookups(Stack("dev", head, run(tmp_path)))])
    text = renderings.render_terminal(report)
    assert all(f'"n{number}-x' in text for number in range(100))


def test_a_new_look_up_with_long_arguments_blocks(tmp_path: Path) -> None:
    # Cloudflare's filter `not_equal:` holds for every account, so only the hidden name decides.
    for filler in ("x" * 300, "\u0430" * 50, "\x7f" * 75, "\x80" * 50):
        long = run(tmp_path, (ZONES, {"account": filler, "name": "prod"}))
        for base in (run(tmp_path), None):
            [finding] = find_long_lookups(Stack("dev", long, base, predicted=True))
            assert (finding.name, finding.policy, finding.blocks) == (
                f"look-up {ZONES}",
                "value-unknown",
                True,
            )
            assert '"name": "prod"}' in finding.message
        assert [*find_long_lookups(Stack("dev", long, long, predicted=True))] == []
        assert [*find_long_lookups(Stack("dev", long, None))] == [], "a real preview has real answers"


def test_a_new_look_up_is_a_finding(tmp_path: Path) -> None:
    # Its simulated answer may equal a value that the base names, so that no resource changes.
    assert messages(run(tmp_path), run(tmp_path, (ZONES, {}))) == [f"{ZONES}: arguments none → {{}}"]


def test_all_look_ups_of_a_new_stack_are_findings(tmp_path: Path) -> None:
    head = run(tmp_path, (ZONES, {"state": "available"}))
    [finding] = find_changed_lookups(Stack("qa", head, predicted=True))
    assert finding.message.startswith(f'{ZONES}: arguments none → {{"state": "available"}}\n')
    assert [*find_changed_lookups(Stack("qa", head))] == [], "a real preview has real answers"


def test_only_a_new_look_up_blocks(tmp_path: Path) -> None:
    base, head = (run(tmp_path, (ZONES, {"state": state})) for state in ("available", "impaired"))
    both = run(tmp_path, (ZONES, {"state": "available"}), (ZONES, {"state": "impaired"}))
    moved = run(tmp_path, (ZONES, {"state": "available"}), settings="b2")
    for after, before, blocks in (
        (head, base, True),
        (both, base, True),
        (moved, base, True),
        (head, None, True),
        (base, both, False),
        (run(tmp_path), base, False),
    ):
        [finding] = find_changed_lookups(Stack("dev", after, before, predicted=True))
        assert (finding.name, finding.blocks) == (f"look-up {ZONES}", blocks)
        assert finding.message.startswith(f"{ZONES}: ")
        if before:  # A real preview has real answers.
            [finding] = find_changed_lookups(Stack("dev", after, before))
            assert not finding.blocks


def test_a_look_up_through_a_provider_with_other_settings_is_a_finding(tmp_path: Path) -> None:
    base, head = (run(tmp_path, (ZONES, {}), settings=settings) for settings in ("a1", "b2"))
    [message] = messages(base, head)
    other_settings = "it goes through a provider with other settings, such as another account or region"
    assert message == f"{ZONES}: {other_settings}: {{}}"
    # A look-up beside it does not hide it, nor does one with the same arguments that stays.
    decoy = ZONES, {"state": "impaired"}
    head.lookups[ZONES] |= run(tmp_path, decoy).lookups[ZONES]
    assert messages(base, head) == [message, f'{ZONES}: arguments none → {{"state": "impaired"}}']
    both = run(tmp_path, (ZONES, {}), settings="a1")
    both.lookups[ZONES] |= run(tmp_path, (ZONES, {}), settings="b2").lookups[ZONES]
    assert messages(base, both) == messages(both, base) == [message]
    long = [(ZONES, {"state": f"{number}-{'x' * 100}"}) for number in range(40)]
    base, head = (run(tmp_path, *long, settings=settings) for settings in ("a1", "b2"))
    first, second = find_changed_lookups(Stack("dev", head, base))
    assert all(f'"{number}-x' in first.message + second.message for number in range(40))


def test_an_equal_look_up_is_no_finding(tmp_path: Path) -> None:
    base = run(tmp_path, (ZONES, {"b": 1, "a": 2}), (ZONES, {}))
    assert messages(base, run(tmp_path, (ZONES, {}), (ZONES, {"a": 2, "b": 1}), (ZONES, {}))) == []


def test_a_look_up_that_goes_is_a_finding_since_a_literal_may_replace_its_answer(tmp_path: Path) -> None:
    base = run(tmp_path, (ZONES, {}))
    [finding] = find_changed_lookups(Stack("dev", run(tmp_path), base))
    assert finding.message.startswith(f"{ZONES}: arguments {{}} → none\n") and not finding.blocks
    failed = run(tmp_path)
    failed.phase.errors.append("the program fails")
    assert [*find_changed_lookups(Stack("dev", failed, base))] == []


def test_look_ups_with_one_answer_are_a_finding_since_they_may_exchange_their_uses() -> None:
    def look_up(*answers: str) -> EngineRun:
        rows = [
            {"lookup": ZONES, "args": {"n": n}, "answer": [["names", text], ["id", f"{n}"]]}
            for n, text in enumerate(answers)
        ]
        return EngineRun(Path("tree")).add(rows)

    equal, different = look_up("a", "a"), look_up("a", "b")
    for base, head, count in ((equal, equal, 1), (equal, different, 0), (different, different, 0)):
        findings = [*find_indistinct_lookups(Stack("dev", head, base))]
        assert len(findings) == count
        for finding in findings:
            assert finding.message.startswith(f"{ZONES}: 2 look-ups") and not finding.blocks
            assert "have one answer: names\n" in finding.message


def test_a_failed_look_up_blocks_unless_it_fails_in_the_base_too() -> None:
    def fail(**args: str) -> EngineRun:
        row = {"lookup": ZONES, "args": args, "error": "error: it failed"}
        return EngineRun(Path("tree")).add([row])

    head = fail(state="available")
    for base, blocks in ((EngineRun(Path("tree")), True), (fail(), True), (None, True), (head, False)):
        finding, *_ = find_failed_lookups(Stack("dev", head, base, predicted=True))
        assert (finding.name, finding.policy, finding.blocks) == (f"look-up {ZONES}", "value-unknown", blocks)
        assert ZONES in finding.message and finding.message.endswith(": it failed")
    assert not head.lookups, "a look-up without an answer is not one that is new"
    assert not [*find_failed_lookups(Stack("dev", head, None))], "a real preview fails itself"


def fail_through(settings: str) -> EngineRun:
    """Return a run with a look-up that fails, as the proxy of the program and the provider record it."""
    row: dict[str, Any] = {"lookup": ZONES, "args": {}}
    rows = [row | {"error": "it failed"}, row | {"settings": settings, "failed": True}]
    return EngineRun(Path("tree")).add(rows)


def test_a_failed_look_up_that_goes_blocks_since_the_value_in_its_place_may_be_new() -> None:
    base, head = fail_through("a1"), EngineRun(Path("tree"))
    [finding] = find_failed_lookups(Stack("dev", head, base, predicted=True))
    assert (finding.name, finding.policy, finding.blocks) == (f"look-up {ZONES}", "value-unknown", True)
    assert "the head no longer makes it" in finding.message
    head.phase.errors.append("the program fails")
    assert [*find_failed_lookups(Stack("dev", head, base, predicted=True))] == []


def test_a_failed_look_up_through_a_provider_with_other_settings_blocks() -> None:
    for settings, blocks in (("a1", False), ("b2", True)):
        stack = Stack("dev", fail_through(settings), fail_through("a1"), predicted=True)
        [finding] = find_failed_lookups(stack)
        assert finding.blocks == ("a provider with other settings" in finding.message) == blocks
        assert [*find_changed_lookups(stack)] == []
