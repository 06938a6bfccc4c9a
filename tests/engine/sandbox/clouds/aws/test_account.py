"""Test of the ID of the local AWS API's account."""

from tests.support.sandbox.providers.aws_account import empty_account


def test_every_arn_has_the_id_of_the_account() -> None:
    with empty_account(account="210987654321") as account:
        assert account.target.account == "210987654321"
        for name in ("vpc", "role", "github"):
            assert ":210987654321:" in account.create(name).outputs["arn"]
