"""Tests that the stricter of two checks of the same value wins.

Each test has a value that only one of the two checks refuses. tests/drills/sandbox/kubernetes/test_target.py
compares the published schema with the API server.
"""

from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.wire import schema
from sandbox.wire.request_bodies import checks, client_models
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
def test_a_value_that_only_the_client_model_refuses_is_refused(token: str, path: str, value: str) -> None:
    invalid = changed(token, path, value)
    assert list(schema.faults(token, invalid)) == []
    assert Providers().faults(token, invalid)


def test_a_value_that_only_the_sdks_documentation_refuses_is_refused() -> None:
    invalid = changed(r.RECORD, "privateRouting", "yes")
    assert list(schema.faults(r.RECORD, invalid))
    assert Providers().faults(r.RECORD, invalid)


def test_a_body_that_only_the_rules_refuse_is_refused() -> None:
    record = of_cloudflare.RECORD | {"ttl": 59}
    model = "dns.record_create_params.RecordCreateParams"
    assert list(client_models.cloudflare_faults(model, record | {"zone_id": "-"})) == []
    assert checks.check("record", record)
    monitor = of_datadog.MONITOR | {"query": "nonsense"}
    assert list(client_models.datadog_faults("v1.model.monitor.Monitor", monitor)) == []
    assert checks.check("monitor", monitor)


def create_group(ec2: Any, description: str) -> None:
    """Create a security group in a new VPC."""
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.create_security_group(GroupName="it", Description=description, VpcId=vpc)


def create_role(iam: Any, name: str) -> None:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=r.TRUST)


def test_a_request_that_moto_accepts_is_refused_by_botocores_model_or_a_rule() -> None:
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        moto = {name: cast(Any, boto3).client(name, "ap-northeast-1", **keys) for name in ("ec2", "iam")}
        create_group(moto["ec2"], "größer")
        create_role(moto["iam"], "a b")
    with empty_account() as account:
        with pytest.raises(ClientError, match="Invalid security group name or description"):
            create_group(account.client("ec2"), "größer")
        with pytest.raises(ClientError, match="RoleName"):
            create_role(account.client("iam"), "a b")
