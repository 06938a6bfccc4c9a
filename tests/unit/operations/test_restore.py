import argparse

import pytest

from operations import restore
from operations.lib.errors import RefusedError


def given(**changes: str | None) -> argparse.Namespace:
    return argparse.Namespace(**{"object": "latest.dump", "at": None, "database": "pipe_db"} | changes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2024-03-01T17:00Z", "20240301T170000Z"),
        ("2024-03-02T02:00:30+09:00", "20240301T170030Z"),
        ("20240301T170000Z", "20240301T170000Z"),
    ],
)
def test_a_time_is_named_as_dumps_are(text: str, name: str) -> None:
    assert restore.utc(text) == name


@pytest.mark.parametrize(
    ("text", "said"), [("yesterday", "not a time"), ("2024-03-01T17:00", "of which time zone")]
)
def test_a_time_that_is_none_or_has_no_zone_is_refused(text: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        restore.utc(text)


def test_what_the_job_is_told() -> None:
    assert restore.wanted(given()) == {"OBJECT": "latest.dump", "AT": "", "DATABASE": "pipe_db"}
    assert restore.wanted(given(at="2024-03-01T17:00Z"))["AT"] == "20240301T170000Z"


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "other.dump"},
        {"object": "dumps/20240301T170000Z.dump.sha256"},
        {"object": "dumps/../latest.dump"},
        {"database": "Pipe"},
        {"database": "a" * 41},
        {"database": "x; DROP DATABASE pipe_db"},
    ],
)
def test_names_that_are_none_are_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(RefusedError):
        restore.wanted(given(**changes))


def test_wrong_usage_ends_with_2_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert restore.main(["prod", "--at", "never"]) == 2
    assert capsys.readouterr().err == "error: --at never: not a time such as 2024-03-01T17:00Z\n"
