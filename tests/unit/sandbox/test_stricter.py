"""Where two judges of the same thing disagree, the stricter wins: each pair by what only one of them refuses.

What the published schema lets pass and the API server refuses: kubernetes/test_target.py.
"""

from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.clouds import client_models
from sandbox.wire import schema
from tests.engine.sandbox.clouds.cloudflare import test_api as of_cloudflare
from tests.engine.sandbox.clouds.datadog import test_api as of_datadog
from tests.support.sandbox.providers import resources as r
from tests.support.sandbox.providers.aws_account import empty_account
from tests.support.sandbox.providers.resources import Providers, changed


@pytest.mark.parametrize(
    ("token", "path", "value"),
    [
        (r.MONITOR, "type", "strange alert"),
        (r.ACCOUNT, "awsPartition", "aws-moon"),
        (r.SETTING, "value", "x"),
    ],
)
def test_a_clients_model_refuses_what_the_sdk_lets_pass(token: str, path: str, value: str) -> None:
    wrong = changed(token, path, value)
    assert list(schema.faults(token, wrong)) == []
    assert Providers().faults(token, wrong)


def test_the_sdks_documentation_refuses_what_the_api_lets_pass() -> None:
    wrong = changed(r.RECORD, "privateRouting", "yes")
    assert list(schema.faults(r.RECORD, wrong))
    assert Providers().faults(r.RECORD, wrong)


def test_what_an_api_is_known_to_refuse_comes_before_its_clients_model() -> None:
    record = of_cloudflare.RECORD | {"ttl": 59}
    model = "dns.record_create_params.RecordCreateParams"
    assert list(client_models.cloudflare_faults(model, record | {"zone_id": "-"})) == []
    assert client_models.check("record", record)
    monitor = of_datadog.MONITOR | {"query": "nonsense"}
    assert list(client_models.datadog_faults("v1.model.monitor.Monitor", monitor)) == []
    assert client_models.check("monitor", monitor)


def group(ec2: Any, description: str) -> None:
    """A security group in a network of its own."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.create_security_group(GroupName="it", Description=description, VpcId=vpc)


def role(iam: Any, name: str) -> None:
    """A role that has a name."""
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=r.TRUST)


def test_botocores_model_and_the_rules_refuse_what_moto_lets_pass() -> None:
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        moto = {name: cast(Any, boto3).client(name, "ap-northeast-1", **keys) for name in ("ec2", "iam")}
        group(moto["ec2"], "größer")
        role(moto["iam"], "a b")
    with empty_account() as here:
        with pytest.raises(ClientError, match="Invalid security group name or description"):
            group(here.client("ec2"), "größer")
        with pytest.raises(ClientError, match="RoleName"):
            role(here.client("iam"), "a b")
