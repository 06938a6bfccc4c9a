"""Tests of the GitHub issue about drift."""

import json
from pathlib import Path

import pytest

from tests.unit.operations.test_pull_requests import GitHub
from tests.unit.operations.test_pull_requests import github as github
from tools import drift_issue


def results(folder: Path, **states: str) -> Path:
    for stack, state in states.items():
        (folder / f"drift-{stack}").mkdir(parents=True)
        content = {"stack": stack, "state": state, "lines": ["~ tags", "```"]}
        (folder / f"drift-{stack}" / f"{stack}.json").write_text(json.dumps(content))
    return folder


def test_drift_opens_one_issue(github: GitHub, tmp_path: Path) -> None:
    folder = results(tmp_path / "results", dev="agrees", prod="drifted", stg="unknown")
    done = github.run("drift_issue", str(folder), "dev", "stg", "prod", answers={"issue list": []})
    assert done.returncode == 0, done.stderr
    assert github.calls()[0][0].startswith("issue list --app github-actions --state open ")
    command, typed = github.calls()[-1]
    assert command == f"issue create --title {drift_issue.TITLE} --body-file -"
    assert "**dev** agrees with its program" in typed and "**prod** differs" in typed
    assert "**stg** could not be compared" in typed and "~ tags\n'''" in typed


def test_continuing_drift_updates_the_issue_and_its_end_closes_it(github: GitHub, tmp_path: Path) -> None:
    there = {
        "issue list": [{"number": 4, "title": "Drift: another"}, {"number": 5, "title": drift_issue.TITLE}]
    }
    github.run("drift_issue", str(results(tmp_path / "a", prod="drifted")), "prod", answers=there)
    assert github.calls()[-1][0] == "issue edit 5 --body-file -"
    github.run("drift_issue", str(results(tmp_path / "b", prod="agrees")), "prod", answers=there)
    assert github.calls()[-1][0].startswith("issue close 5 --comment ")
    github.run("drift_issue", str(results(tmp_path / "c", prod="agrees")), "prod", answers={"issue list": []})
    assert len(github.calls()) == 1


def test_a_stack_that_could_not_be_compared_keeps_the_issue_open(github: GitHub, tmp_path: Path) -> None:
    there = {"issue list": [{"number": 5, "title": drift_issue.TITLE}]}
    folder = results(tmp_path / "results", dev="agrees", stg="agrees")
    github.run("drift_issue", str(folder), "dev", "stg", "prod", answers=there)
    command, typed = github.calls()[-1]
    assert command == "issue edit 5 --body-file -"
    assert "**prod** could not be compared" in typed and "**stg** agrees with its program" in typed


@pytest.mark.parametrize("cut", [False, True], ids=["no folder", "a file cut off"])
def test_without_any_result_an_issue_is_opened(github: GitHub, tmp_path: Path, cut: bool) -> None:
    if cut:
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "dev.json").write_text('{"stack": "dev", "sta')
    done = github.run("drift_issue", str(tmp_path / "results"), "dev", answers={"issue list": []})
    assert done.returncode == 0, done.stderr
    command, typed = github.calls()[-1]
    assert command.startswith("issue create ") and "**dev** could not be compared" in typed


def test_a_long_diff_keeps_the_issue_short_enough_for_github() -> None:
    lines = ["x" * 100] * 2000
    stacks = [{"stack": name, "state": "drifted", "lines": lines} for name in ("dev", "stg", "prod")]
    text = drift_issue.body(stacks)
    assert len(text) < 65_000 and text.count("the last 20000 characters") == 3
