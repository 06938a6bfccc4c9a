"""Tests that a refresh reads, and an update removes, keys that are added to a map without the program."""

from collections.abc import Generator
from typing import Any

import pytest

from sandbox.clouds.datadog.api import DatadogApi
from sandbox.providers.aws.package import Aws
from sandbox.providers.datadog.package import Datadog, DatadogTarget
from tests.support.sandbox.clouds.local_api import serve
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.engine_calls import EngineCalls, engine_calls
from tests.unit.sandbox.providers.test_datadog import CASES


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        yield account


def aws_calls(account: AwsAccount, name: str, **changed: Any) -> EngineCalls:
    """Create a resource in the account with some inputs changed; return the engine's calls for it."""
    account.create(name)
    live = account.update(name, **changed)
    return engine_calls(Aws("aws"), account.target, account.resource(name, **changed), live)


def tag(account: AwsAccount, name: str, key: str, value: str) -> None:
    """Add a tag to a resource without the program."""
    aws_id = account.live[name].id
    account.client("ec2").create_tags(Resources=[aws_id], Tags=[{"Key": key, "Value": value}])


def test_a_foreign_tag_is_read_and_removed(account: AwsAccount) -> None:
    vpc = aws_calls(account, "vpc")
    program_tags = vpc.resource.inputs["tags"]
    assert vpc.refresh() == vpc.resource.inputs and vpc.differences() == {}
    tag(account, "vpc", "owner", "somebody")
    assert vpc.refresh()["tags"] == program_tags | {"owner": "somebody"}
    assert vpc.differences() == {"tags.owner": "delete"}
    vpc.update()
    assert vpc.refresh() == vpc.resource.inputs and vpc.differences() == {}


def test_a_foreign_tag_is_removed_from_a_resource_with_default_tags_only(account: AwsAccount) -> None:
    eip = aws_calls(account, "eip", tags=None)
    assert "tags" not in eip.resource.inputs and eip.differences() == {}
    for key, value in (("owner", "somebody"), ("team", "theirs")):
        tag(account, "eip", key, value)
        assert eip.refresh()["tags"] == {key: value}
        assert eip.differences() == {"tags": "delete"}
        eip.update()
        assert "tags" not in eip.refresh() and eip.differences() == {}
    assert eip.state.outputs["tagsAll"] == {"team": "platform"}


def test_a_foreign_header_is_read_and_removed() -> None:
    with serve(DatadogApi()) as url:
        target, case = DatadogTarget(url), CASES["check of a page"]
        live = target.create(case.resource())
        check = engine_calls(Datadog("datadog"), target, case.resource(live.id), live)
        assert check.refresh() == case.inputs
        headers = {"X-Token": "hunter2", "X-More": "1"}
        target.update(case.resource(live.id, requestHeaders=headers), live)
        assert check.refresh()["requestHeaders"]["X-More"] == "1"
        assert check.differences() == {'requestHeaders["X-More"]': "delete"}
        check.update()
        assert check.refresh() == case.inputs
