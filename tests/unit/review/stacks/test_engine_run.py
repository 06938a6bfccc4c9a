"""Tests of runs that are read from ledgers."""

from pathlib import Path

from review.stacks.engine_run import EngineRun

ROOT, BUCKET = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev", "urn:pulumi:dev::pipe::b::b"


def test_the_summary_row_of_a_stack_is_no_violation_of_its_own(tmp_path: Path) -> None:
    row = {"policy": "s3-versioning-off", "verdict": "unknown", "level": "mandatory"}
    detail = "not known in this preview: bucket"
    run = EngineRun(tmp_path).add(
        [{"urn": BUCKET, **row, "detail": detail}, {"urn": ROOT, **row, "detail": ""}]
    )
    [violation] = run.phase.violations
    expected = {"policy": "s3-versioning-off", "urn": BUCKET, "level": "unknown", "message": detail}
    assert violation.items() >= expected.items()
