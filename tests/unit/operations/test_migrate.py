"""Tests of the commands that migrate.sh runs."""

import pytest

from operations import migrate
from operations.lib.errors import RefusedError


@pytest.mark.parametrize(
    ("action", "to", "command"),
    [
        (None, None, "npm run migrate:prod"),
        ("rollback", None, "npm run migrate:rollback"),
        ("rollback", "20240301", "npm run migrate:rollback -- --to 20240301"),
    ],
)
def test_the_commands_are_those_of_the_deployment_guide(
    action: str | None, to: str | None, command: str
) -> None:
    assert " ".join(migrate.npm(action, to)) == command


@pytest.mark.parametrize(
    ("action", "to"), [(None, "20240301"), ("rollback", "--all"), ("rollback", "a b"), ("rollback", "")]
)
def test_a_version_is_a_name_and_needs_rollback(action: str | None, to: str) -> None:
    with pytest.raises(RefusedError):
        migrate.npm(action, to)
