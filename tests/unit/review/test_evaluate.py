"""Tests of the report on an evaluation."""

from pathlib import Path

import pytest

from review import evaluate


@pytest.mark.parametrize("changed", ["requirements.txt", "requirements-dev.txt"])
def test_other_packages_of_the_program_or_the_deployment_are_a_caveat(changed: str, tmp_path: Path) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree in trees:
        tree.mkdir()
        for name in ("requirements.txt", "requirements-dev.txt"):
            (tree / name).write_text("pulumi-aws==7.0.0\n")
    assert evaluate.build_report(trees, ("base", "head"), {}, tmp_path).notes == []
    (trees[1] / changed).write_text("pulumi-aws==7.0.1\n")
    report = evaluate.build_report(trees, ("base", "head"), {}, tmp_path)
    assert [note.partition(",")[0] for note in report.notes] == [f"Not comparable: {changed} differs"]
    assert "the effects of the package change are not in this report" in report.verdict
