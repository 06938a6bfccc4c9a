"""Tests of the arguments of database.sh."""

import pytest

from operations import database


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["upgrade"], "--to is missing: must be a major version; example: scripts/database.sh dev upgrade"),
        (["upgrade", "--to", "17.7"], "--to 17.7: must be a major version"),
        (["apply", "--to", "17"], "--to and --rehearse are allowed only with upgrade, not with apply"),
        (["pending", "--rehearse"], "--to and --rehearse are allowed only with upgrade, not with pending"),
        (["pending", "--now"], "--now is allowed only with apply, not with pending"),
    ],
)
def test_options_of_another_action_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert database.main(["dev", *arguments]) == 2
    assert message in capsys.readouterr().err
