"""Tests of the endpoint of Secrets Manager."""

import pytest

from components.common.naming import Naming
from tests.support.components import aws
from tests.support.components.fixtures import Declare, Recorder, Topic, evaluate
from tests.support.components.iam import statements

ENDPOINT = ("aws:ec2/vpcEndpoint:VpcEndpoint", "secrets-endpoint")


@pytest.fixture
def declared(declare_component: Declare) -> Recorder:
    return declare_component(aws.secrets_endpoint)


def test_only_clients_that_get_its_url_use_the_endpoint(declared: Recorder) -> None:
    endpoint = declared.inputs[ENDPOINT]
    assert endpoint["vpcEndpointType"] == "Interface"
    assert endpoint["serviceName"] == "com.amazonaws.ap-northeast-1.secretsmanager"
    assert (endpoint["subnetIds"], endpoint["securityGroupIds"]) == (aws.SUBNETS, ["sg-secrets-endpoint"])
    assert endpoint["privateDnsEnabled"] is False


def test_it_returns_master_passwords_to_the_account_and_nothing_else(declared: Recorder) -> None:
    [statement] = statements(declared.inputs[ENDPOINT]["policy"]).values()
    assert statement == {
        "Sid": "ReadMasterPasswords",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:rds!db-*",
        "Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
    }


def test_its_url_has_its_regional_name(recorder: Recorder, naming: Naming, topic: Topic) -> None:
    regional = {"dnsName": "vpce-1.secretsmanager.ap-northeast-1.vpce.amazonaws.com"}
    zonal = {"dnsName": "vpce-1-ap-northeast-1a.secretsmanager.ap-northeast-1.vpce.amazonaws.com"}
    recorder.computed[ENDPOINT[0]] = {"dnsEntries": [regional, zonal]}
    urls: list[str] = []
    evaluate(lambda: aws.secrets_endpoint(naming, topic).url.apply(urls.append))
    assert urls == ["https://vpce-1.secretsmanager.ap-northeast-1.vpce.amazonaws.com"]
