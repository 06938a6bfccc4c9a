"""Tests of the arguments of restore.sh."""

import argparse

import pytest

from operations import restore
from operations.lib.errors import RefusedError


def arguments(**changes: str | None) -> argparse.Namespace:
    own = {"object": None, "at": None, "database": None, "snapshot": None, "stack": "dev"}
    return argparse.Namespace(**own | changes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("2024-03-01T17:00Z", "20240301T170000Z"),
        ("2024-03-02T02:00:30+09:00", "20240301T170030Z"),
        ("20240301T170000Z", "20240301T170000Z"),
    ],
)
def test_a_time_is_formatted_like_the_names_of_dumps(text: str, name: str) -> None:
    assert restore.format_time(text) == name


@pytest.mark.parametrize(
    ("text", "message"), [("yesterday", "must be a time"), ("2024-03-01T17:00", "the time zone is missing")]
)
def test_an_invalid_time_or_one_without_a_zone_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        restore.format_time(text)


def test_the_variables_of_the_job() -> None:
    assert restore.job_variables(arguments()) == {"OBJECT": "latest.dump", "AT": "", "DATABASE": "pipe_db"}
    assert restore.job_variables(arguments(at="2024-03-01T17:00Z"))["AT"] == "20240301T170000Z"


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
def test_invalid_names_are_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(RefusedError):
        restore.job_variables(arguments(**changes))


def test_wrong_usage_ends_with_2_and_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert restore.main(["prod", "--at", "never"]) == 2
    assert capsys.readouterr().err == "error: --at never: must be a time such as 2024-03-01T17:00Z\n"


def test_a_backup_of_rds_is_a_moment_or_a_snapshot() -> None:
    source = restore.rds_source(arguments(at="2024-03-02T02:00:30.5+09:00"))
    assert (str(source), source.label) == ("2024-03-01T17:00:30Z", "20240301t170030z")
    source = restore.rds_source(arguments(snapshot="pipe-dev-db-before-17"))
    assert (str(source), source.label) == ("the snapshot pipe-dev-db-before-17", "pipe-dev-db-before-17")
    with pytest.raises(RefusedError, match="--from rds: needs --at TIME or --snapshot NAME; example: "):
        restore.rds_source(arguments())
    for name in ("a b", "rds:pipe-dev-db-2024-03-01-19-05"):
        with pytest.raises(RefusedError) as raised:
            restore.rds_source(arguments(snapshot=name))
        assert str(raised.value) == (
            f"--snapshot {name}: must be the name of a manual snapshot, such as pipe-prod-db-before-17. With"
            " --at, RDS restores any moment that its automated snapshots cover"
        )


@pytest.mark.parametrize("option", [["--no-swap"], ["--snapshot", "x"]])
def test_options_of_rds_are_refused_for_a_dump(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert restore.main(["dev", *option]) == 2
    assert "--snapshot and --no-swap are allowed only with --from rds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--from", "rds", "--start-api"],
            "--start-api only starts the API after a restore of a dump, which",
        ),
        (
            ["--from", "rds", "--at", "2024-03-01T17:00Z", "--database", "x"],
            "--database is allowed only without",
        ),
        (["--from", "rds", "--object", "latest.dump"], "--object is allowed only without --from rds"),
        (["--start-api", "--database", "x"], "--database is not allowed with --start-api"),
    ],
)
def test_options_that_a_restore_would_ignore_are_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore.main(["dev", *options]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
