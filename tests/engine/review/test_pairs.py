"""Pairs of base and head made from the program, each with its whole report.

UPDATE_SNAPSHOTS=1 writes the snapshots anew; read what changed before you commit it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from _pytest.mark import ParameterSet
from pydantic import TypeAdapter
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from review.model import Report
from review.render import renderings
from tests.lanes import lane_of
from tests.support.review import parsed
from tests.support.review.pairs import PAIRS, QUICK

ROOT = Path(__file__).parents[3]
SNAPSHOTS = Path(__file__).parents[2] / "support" / "review" / "snapshots"


def in_lanes(pairs: Iterable[str]) -> list[ParameterSet]:
    """Put each pair into its lane: most of them take minutes together, so they are drills."""
    return [
        pytest.param(pair, marks=pytest.mark.engine if pair in QUICK else pytest.mark.drill) for pair in pairs
    ]


@pytest.fixture(scope="session")
def reports_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`reports_of(lane)`: the reports of a lane's pairs, made once."""

    @cache
    def make(lane: str) -> Path:
        folder = tmp_path_factory.mktemp("pairs")
        names = QUICK if lane == "engine" else [pair for pair in PAIRS if pair not in QUICK]
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.review.pairs", folder, *names],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return make


@pytest.fixture
def reports(request: pytest.FixtureRequest, reports_of: Callable[[str], Path]) -> Path:
    """The reports of the pairs in the test's lane."""
    return reports_of(lane_of(request.node))


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_the_report_says_what_changes(pair: str, reports: Path) -> None:
    said = (reports / f"{pair}.txt").read_text()
    snapshot = SNAPSHOTS / f"{pair}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(said)
    assert said == snapshot.read_text(), "UPDATE_SNAPSHOTS=1 writes it anew, if this is what is meant"


def test_every_snapshot_is_of_a_pair() -> None:
    assert {file.stem for file in SNAPSHOTS.iterdir()} == set(PAIRS)
    assert len(PAIRS) >= 25


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_the_report_follows_its_schema(pair: str, reports: Path) -> None:
    schema = json.loads((ROOT / "schemas/review-report.schema.json").read_text())
    jsonschema.validate(json.loads((reports / f"{pair}.json").read_text()), schema)


def _report(pair: str, reports: Path) -> Report:
    return TypeAdapter(Report).validate_json((reports / f"{pair}.json").read_text())


CHANGES = {f"{sign} {op}" for op, sign in renderings.SIGNS.items()}


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_its_comment_is_markdown_that_tells_each_change_with_its_sign(pair: str, reports: Path) -> None:
    report = _report(pair, reports)
    text = renderings.markdown(report)
    assert list(parsed.faults(text)) == []
    lines = parsed.lines(text)
    assert [line.kind for line in lines if line.text.startswith("✅" if report.code == 0 else "⛔")] == ["h2"]
    told = [line for line in lines if line.depth == 2 and {*line.codes} & CHANGES]
    wanted = [[f"{renderings.SIGNS[each.op]} {each.op}", renderings.title(each)] for each in report.changes]
    assert sorted(line.codes[:2] for line in told) == sorted(wanted)
    codes = [line.codes for line in lines if line.depth == 3]
    for change in report.changes:
        for each in change.properties:
            if each.setting and not each.folded:
                assert any(
                    line
                    and line[0] == each.path
                    and line[-2:] == [each.setting.key, renderings.where([each.setting])]
                    for line in codes
                )


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_its_sarif_is_valid_and_tells_each_finding_apart(pair: str, reports: Path) -> None:
    report = _report(pair, reports)
    text = renderings.sarif(report)
    Sarif.model_validate_json(text)
    [run] = json.loads(text)["runs"]
    marks = {(each["ruleId"], *each["partialFingerprints"].values()) for each in run["results"]}
    assert len(marks) == len(run["results"]) == len(report.findings)
    assert {each["id"] for each in run["tool"]["driver"]["rules"]} == {
        each["ruleId"] for each in run["results"]
    }
    assert all(
        each["fullDescription"]["text"] and each["help"]["text"] for each in run["tool"]["driver"]["rules"]
    )


BLOCKING = ("policy-broken", "bucket-replaced", "stack-file-invalid", "stack-file-is-no-yaml", "syntax-error")
FREE = ("bucket-replaced-with-a-waiver", "nothing-changed", "policy-mended", "base-does-not-evaluate")
CODES: dict[str, int] = {**dict.fromkeys(BLOCKING, 1), **dict.fromkeys(FREE, 0)}


@pytest.mark.parametrize("pair", in_lanes(CODES))
def test_the_exit_code_says_whether_something_blocks(pair: str, reports: Path) -> None:
    report: dict[str, Any] = json.loads((reports / f"{pair}.json").read_text())
    assert report["code"] == CODES[pair]


def _events(reports: Path, *files: str) -> "subprocess.CompletedProcess[str]":
    """Report on files that a real preview leaves behind in a checkout."""
    work, head = reports / "bucket-replaced" / "work" / "dev", reports / "bucket-replaced" / "head"
    if not (head / ".git").exists():
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "head"]):
            subprocess.run(["git", *identity, *arguments], cwd=head, check=True)
    words = [sys.executable, "-m", "review", "--tree", head, "--events", *(work / file for file in files)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def test_a_real_preview_is_reported_as_state_to_head(reports: Path) -> None:
    done = _events(reports, "head-events.jsonl", "head-engine.log", "head-ledger.jsonl")
    assert done.returncode == 1, done.stderr
    assert "state to head: state of each stack → working tree" in done.stdout
    assert "base to head" not in done.stdout
    assert "± replace backups (aws:s3:Bucket) [dev]  components/aws/bucket.py:" in done.stdout


def test_a_real_preview_without_its_plan_is_no_report_that_nothing_changes(reports: Path) -> None:
    done = _events(reports, "head-events.jsonl")
    assert done.returncode == 2
    assert "Could not run: dev: the preview's --json is missing" in done.stdout
