"""Tests of the choice of a rollback's version from the cluster's revisions and the recorded releases."""

from datetime import UTC, datetime, timedelta

import pytest

from operations.lib.errors import RefusedError
from operations.lib.kubernetes.releases import BAD, GOOD, UNJUDGED, Release
from operations.lib.kubernetes.revisions import Choice, Revision

START = datetime(2026, 1, 1, tzinfo=UTC)


def revision(number: int, version: str, hour: int) -> Revision:
    return Revision(number, f"registry/api:{version}", {}, START + timedelta(hours=hour))


def release(version: str, hour: int, verdict: str) -> Release:
    return Release(f"registry/api:{version}", (START + timedelta(hours=hour)).isoformat(), None, verdict)


KEPT = [revision(1, "1.0", 1), revision(2, "1.1", 2), revision(3, "1.2", 3), revision(4, "1.3", 4)]


@pytest.mark.parametrize(
    ("releases", "expected"),
    [
        ([], "1.2"),
        ([release("1.1", 2, GOOD), release("1.3", 4, GOOD)], "1.1"),
        ([release("1.1", 2, GOOD), release("1.2", 3, GOOD)], "1.2"),
        ([release("1.0", 1, GOOD), release("1.1", 2, BAD), release("1.2", 3, BAD)], "1.0"),
        ([release("1.1", 2, BAD), release("1.2", 3, UNJUDGED)], "1.2"),
        # First a rollback replaced 1.3, and then 1.1 was deployed again.
        ([release("1.0", 1, GOOD), release("1.2", 3, GOOD), release("1.1", 5, GOOD)], "1.2"),
    ],
)
def test_the_newest_good_older_version_is_chosen(releases: list[Release], expected: str) -> None:
    assert Choice(KEPT, releases, "dev").by_verdict().version == expected


def test_a_bad_version_is_not_chosen() -> None:
    releases = [release(version, 1, BAD) for version in ("1.0", "1.1", "1.2")]
    with pytest.raises(RefusedError, match=r"it keeps 1 \(1\.0, bad\), 2 \(1\.1, bad\)"):
        Choice(KEPT, releases, "dev").by_verdict()
    assert Choice(KEPT, releases, "dev").by_number(2).version == "1.1"


def test_a_version_is_newer_by_its_last_deployment() -> None:
    back = [*KEPT[1:], revision(5, "1.0", 1)]
    assert Choice(back, [], "dev").is_newer(KEPT[2])
    assert not Choice(back, [release("1.0", 9, GOOD)], "dev").is_newer(KEPT[2])


def test_a_rollback_from_the_only_revision_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"there is only revision 1 \(1\.0\): nothing to go back to"):
        Choice(KEPT[:1], [], "dev").by_verdict()
