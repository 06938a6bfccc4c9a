"""What the engine and the pack left behind, read back."""

from pathlib import Path

from review.engine_run import Observed

ROOT, BUCKET = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev", "urn:pulumi:dev::pipe::b::b"


def test_what_sums_up_the_resources_of_a_stack_is_not_told_twice(tmp_path: Path) -> None:
    said = {"policy": "s3-versioning-off", "verdict": "unknown", "level": "mandatory"}
    why = "not known in this preview: bucket"
    seen = Observed(tmp_path)
    seen.add([{"urn": BUCKET, **said, "detail": why}, {"urn": ROOT, **said, "detail": ""}])
    (one,) = seen.said.violations
    assert (one["policy"], one["urn"], one["level"], one["message"]) == (
        said["policy"],
        BUCKET,
        "unknown",
        why,
    )
