"""Tests of the reports on pairs of base and head, which are edited copies of the program.

UPDATE_SNAPSHOTS=1 updates the snapshots; read the difference before you commit it.
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

from review import evaluate
from review.model import Report, title
from review.render import renderings
from review.render.filters import location_list
from tests.lanes import lane_of
from tests.support.review import comment_markup
from tests.support.review.pairs import PAIRS, QUICK

ROOT = Path(__file__).parents[3]
SNAPSHOTS = Path(__file__).parents[2] / "support" / "review" / "snapshots"


def in_lanes(pairs: Iterable[str]) -> list[ParameterSet]:
    """Put each pair into its lane: most pairs are drills, since they take minutes together."""
    return [
        pytest.param(pair, marks=pytest.mark.engine if pair in QUICK else pytest.mark.drill) for pair in pairs
    ]


@pytest.fixture(scope="session")
def reports_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Provide a function that evaluates a lane's pairs once, and returns the folder with their reports."""

    @cache
    def evaluate(lane: str) -> Path:
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

    return evaluate


@pytest.fixture
def reports(request: pytest.FixtureRequest, reports_of: Callable[[str], Path]) -> Path:
    """Provide the folder with the reports on the pairs in the test's lane."""
    return reports_of(lane_of(request.node))


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_the_report_equals_its_snapshot(pair: str, reports: Path) -> None:
    report = (reports / f"{pair}.txt").read_text()
    snapshot = SNAPSHOTS / f"{pair}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(report)
    assert report == snapshot.read_text(), "UPDATE_SNAPSHOTS=1 writes it again, if the difference is intended"


def test_every_snapshot_belongs_to_a_pair() -> None:
    assert {file.stem for file in SNAPSHOTS.iterdir()} == set(PAIRS)


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_the_report_follows_its_schema(pair: str, reports: Path) -> None:
    schema = json.loads((ROOT / "schemas/review-report.schema.json").read_text())
    jsonschema.validate(json.loads((reports / f"{pair}.json").read_text()), schema)


def _report(pair: str, reports: Path) -> Report:
    return TypeAdapter(Report).validate_json((reports / f"{pair}.json").read_text())


CHANGES = {f"{sign} {op}" for op, sign in renderings.SIGNS.items()}


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_its_comment_names_each_change_with_its_sign(pair: str, reports: Path) -> None:
    report = _report(pair, reports)
    text = renderings.render_markdown(report)
    assert list(comment_markup.faults(text)) == []
    lines = comment_markup.lines(text)
    sign = "✅" if report.code == 0 else "⛔"
    assert [line.kind for line in lines if line.text.startswith(sign)] == ["h2"]
    change_lines = [line for line in lines if line.depth == 2 and {*line.codes} & CHANGES]
    expected = [[f"{renderings.SIGNS[change.op]} {change.op}", title(change)] for change in report.changes]
    assert sorted(line.codes[:2] for line in change_lines) == sorted(expected)


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_its_comment_names_the_settings_key_of_each_property(pair: str, reports: Path) -> None:
    report = _report(pair, reports)
    lines = comment_markup.lines(renderings.render_markdown(report))
    actual = {(line.codes[0], *line.codes[-2:]) for line in lines if line.depth == 3 and line.codes}
    expected = {
        (changed.path, changed.setting.key, location_list([changed.setting]))
        for change in report.changes
        for changed in change.differences
        if changed.setting and not changed.folded
    }
    assert expected <= actual


@pytest.mark.parametrize("pair", in_lanes(PAIRS))
def test_its_sarif_is_valid_and_distinguishes_all_findings(pair: str, reports: Path) -> None:
    report = _report(pair, reports)
    text = renderings.render_sarif(report)
    Sarif.model_validate_json(text)
    [run] = json.loads(text)["runs"]
    results, rules = run["results"], run["tool"]["driver"]["rules"]
    fingerprints = {(result["ruleId"], *result["partialFingerprints"].values()) for result in results}
    assert len(fingerprints) == len(results) == len(report.findings)
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in results}
    assert all(rule["fullDescription"]["text"] and rule["help"]["text"] for rule in rules)


BLOCKING = (
    "policy-broken",
    "policy-broken-and-disabled",
    "policy-broken-and-its-rule-changed",
    "bucket-replaced",
    "bucket-replaced-with-a-waiver",
    "stack-file-invalid",
    "stack-file-is-no-yaml",
    "syntax-error",
    "base-does-not-evaluate",
)
FREE = (
    "bucket-replaced-with-an-approved-waiver",
    "policy-broken-and-disabled-with-an-approval",
    "nothing-changed",
    "policy-mended",
)
CODES: dict[str, int] = {**dict.fromkeys(BLOCKING, 1), **dict.fromkeys(FREE, 0)}


@pytest.mark.parametrize("pair", in_lanes(CODES))
def test_the_exit_code_is_one_if_something_blocks(pair: str, reports: Path) -> None:
    report: dict[str, Any] = json.loads((reports / f"{pair}.json").read_text())
    assert report["code"] == CODES[pair]


def test_changes_of_resources_that_are_replaced_with_the_cluster_are_not_hidden(reports: Path) -> None:
    report = _report("cluster-replaced", reports)
    changed = {
        (change.name, changed.path, changed.setting.key if changed.setting else "")
        for change in report.changes
        for changed in change.properties
        if not changed.folded
    }
    image = 'spec.template.spec.containers["api"].image'
    assert ("api", "spec.minReplicas", "pipe:api.replicas.min") in changed
    assert ("api", image, "pipe:api.image") in changed


def _report_preview(reports: Path, *files: str) -> "subprocess.CompletedProcess[str]":
    """Run a review of files in a checkout that a real preview has written."""
    pair = reports / "bucket-replaced"
    work, head = evaluate.stack_folder(pair / "work", "dev"), pair / "head"
    if not (head / ".git").exists():
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "head"]):
            subprocess.run(["git", *identity, *arguments], cwd=head, check=True)
    paths = [work / file for file in files]
    command = [sys.executable, "-m", "review", "--tree", head, "--repository", head, "--events", *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_real_preview_is_reported_as_state_to_head(reports: Path) -> None:
    done = _report_preview(reports, "head-events.jsonl", "head-engine.log", "head-ledger.jsonl")
    assert done.returncode == 1, done.stderr
    assert "state to head: state of each stack → working tree" in done.stdout
    assert "base to head" not in done.stdout
    assert "± replace backups (aws:s3:Bucket) [dev], deleted first  components/aws/bucket.py:" in done.stdout


def test_a_real_preview_without_its_plan_could_not_run(reports: Path) -> None:
    done = _report_preview(reports, "head-events.jsonl")
    assert done.returncode == 2
    assert "Could not run: dev: the preview's --json output is missing" in done.stdout
