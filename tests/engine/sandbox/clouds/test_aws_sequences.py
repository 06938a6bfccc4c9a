"""A replay of the AWS plugin's requests in the life of each resource type, from aws_sequences.toml.

Every response is also checked as the plugin's client does, which is stricter than botocore.
"""

import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import jmespath
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.providers.aws.calls import CALLS
from sandbox.providers.aws.lookups import LOOKUPS
from sandbox.wire import aws_requests
from tests.support.sandbox.clouds import go_decoder
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.references import fill

Row = dict[str, Any]

SEQUENCES: dict[str, Row] = tomllib.loads(
    (Path(__file__).parents[3] / "support" / "sandbox" / "clouds" / "aws_sequences.toml").read_text()
)


@pytest.fixture(scope="module")
def account() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.target.clients.session.register("after-call", _read_strictly)
        yield account


def _read_strictly(http_response: Any, model: Any, **_: Any) -> None:
    faults = go_decoder.faults(
        model, http_response.status_code, http_response.headers, http_response.content or b""
    )
    assert faults == [], model.name


def _client(account: AwsAccount, service: str) -> Any:
    if service != "s3control":
        return account.client(service)
    # S3 Control's clients put the account ID before the endpoint's host name, and use a proxy for that name.
    create: Any = account.target.clients.session.create_client
    by_proxy = {"endpoint_url": account.url, "config": Config(proxies={"http": account.url})}
    return create(service, "ap-northeast-1", aws_access_key_id="x", aws_secret_access_key="x", **by_proxy)


def _send(account: AwsAccount, step: Row, variables: Row) -> Row:
    """Return the response; for an error, its code and message."""
    service, call = step["ask"].split()
    try:
        return aws_requests.send(_client(account, service), call, fill(step.get("with", {}), variables))
    except ClientError as error:
        details = cast(Row, error.response)["Error"]
        return {"refused": details["Code"], "says": details.get("Message")}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_the_requests_of_the_plugin_get_the_expected_responses(account: AwsAccount, kind: str) -> None:
    row = SEQUENCES[kind]
    account.create(*row.get("needs", []))
    variables: Row = {name: {**live.outputs, "id": live.id} for name, live in account.live.items()}
    variables |= row.get("given", {})
    for place, step in enumerate(row["steps"], 1):
        answer, location = _send(account, step, variables), f"{place}. {step['ask']}"
        assert answer.get("refused") == step.get("refused"), (location, answer)
        assert step.get("says") in (None, answer.get("says")), location
        has: Row = step.get("has", {})
        expected: Row = {path: fill(value, variables) if value else value for path, value in has.items()}
        assert {path: jmespath.search(path, answer) for path in expected} == expected, location
        assert [path for path in step.get("there", []) if jmespath.search(path, answer) is None] == [], (
            location
        )
        variables |= {name: jmespath.search(path, answer) for name, path in step.get("keep", {}).items()}


def test_every_type_and_lookup_is_replayed() -> None:
    look_ups = {f"aws:index/{name}:{name}" for name in LOOKUPS}
    assert {*CALLS} | look_ups | {"configuration"} == set(SEQUENCES)
