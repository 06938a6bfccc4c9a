"""Tests of reads, drift, interrupted creations and request checks for AWS resource types."""

import itertools
import re
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sandbox.errors import ProviderError
from sandbox.providers.aws.calls import CALLS
from sandbox.providers.aws.calls.model import CREATION_TAG, Change, Items
from sandbox.providers.aws.lookups import LOOKUPS, Lookup
from sandbox.providers.aws.resource import AwsResource
from sandbox.providers.diff import changes
from sandbox.providers.target import Resource
from sandbox.wire.aws_requests import Clients
from sandbox.wire.values import Secret
from tests.support.sandbox.providers.aws_account import AwsAccount, empty_account
from tests.support.sandbox.providers.aws_resources import AWS_RESOURCES

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def everything() -> Generator[AwsAccount]:
    with empty_account() as account:
        account.create(*AWS_RESOURCES)
        yield account


@pytest.mark.parametrize("name", AWS_RESOURCES)
def test_a_created_resource_is_read_with_the_inputs_of_the_program(everything: AwsAccount, name: str) -> None:
    assert everything.differences(name, everything.resource(name)) == []
    read = everything.read(name)
    assert read is not None and changes(everything.live[name].outputs, read.outputs) == []
    assert CREATION_TAG not in str(read)


@pytest.mark.parametrize("name", AWS_RESOURCES)
def test_an_interrupted_creation_is_found_again(everything: AwsAccount, name: str) -> None:
    candidates = everything.target.find(replace(everything.resource(name), id=""))
    assert [live.id for live in candidates] == [everything.live[name].id]


@pytest.mark.parametrize("name", AWS_RESOURCES)
def test_a_search_ignores_the_resource_that_is_being_replaced(everything: AwsAccount, name: str) -> None:
    resource, known = everything.resource(name), {everything.live[name].id}
    replacement = replace(resource, id="", inputs={**resource.inputs, "tags": {}})
    before = everything.read(name)
    assert everything.target.find(replacement, known) == []
    assert everything.read(name) == before


def test_every_aws_type_of_the_program_has_calls_and_a_test() -> None:
    used: set[str] = set()
    for file in itertools.chain((ROOT / "components").rglob("*.py"), (ROOT / "foundation").rglob("*.py")):
        used.update(re.findall(r"aws\.(\w+\.[A-Z]\w+)\(", file.read_text()))
    rows = {token: token.split(":")[1].split("/")[0] + "." + token.split(":")[2] for token in CALLS}
    assert used and used <= set(rows.values())
    assert set(rows) == {token for token, _, _ in AWS_RESOURCES.values()}


def test_drift_is_read_and_repaired(everything: AwsAccount) -> None:
    ec2, vpc = everything.client("ec2"), everything.live["vpc"].id
    ec2.create_tags(
        Resources=[vpc], Tags=[{"Key": "Name", "Value": "by hand"}, {"Key": "extra", "Value": "1"}]
    )
    group = everything.live["closed"].id
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    everything.client("iam").update_role(RoleName="pipe-role", Description="by hand")
    reads = [everything.read(name) for name in ("vpc", "closed", "role")]
    network, closed, role = (live.inputs for live in reads if live)
    assert network["tags"] == {"Name": "by hand", "extra": "1"}
    [ingress] = closed["ingress"]
    assert (ingress["fromPort"], ingress["cidrBlocks"]) == (22, ["0.0.0.0/0"])
    assert role["description"] == "by hand"
    for name in ("vpc", "closed", "role"):
        everything.update(name)
        assert everything.differences(name, everything.resource(name)) == []
    tags = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]
    assert {tag["Key"] for tag in tags} == {"Name", "team", CREATION_TAG}


def test_default_tags_are_outputs_but_not_inputs(everything: AwsAccount) -> None:
    for name in ("a", "logs", "images", "pod"):
        live = everything.live[name]
        assert live.outputs["tagsAll"]["team"] == "platform" and "team" not in live.inputs.get("tags", {})


def test_a_resource_with_its_own_region_is_created_there(everything: AwsAccount) -> None:
    location = everything.client("s3").get_bucket_location(Bucket="pipe-replica")
    assert location["LocationConstraint"] == everything.live["replica"].outputs["region"] == "ap-northeast-3"


def test_a_cluster_has_the_outputs_that_the_program_needs(everything: AwsAccount) -> None:
    outputs = everything.live["cluster"].outputs
    assert outputs["arn"] == "arn:aws:eks:ap-northeast-1:123456789012:cluster/pipe-dev"
    assert outputs["endpoint"].endswith(".gr7.ap-northeast-1.eks.amazonaws.com")
    assert outputs["identities"][0]["oidcs"][0]["issuer"].startswith("https://oidc.eks.ap-northeast-1.")
    group = everything.client("ec2").describe_security_groups(
        GroupIds=[outputs["vpcConfig"]["clusterSecurityGroupId"]]
    )
    assert group["SecurityGroups"][0]["VpcId"] == everything.live["vpc"].id
    assert outputs["certificateAuthority"]["data"].startswith("LS0tLS1CRUdJTi")  # -----BEGIN


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("logs", {"name": "/pipe/x", "retentionInDays": 31}, "Value '31' at 'retentionInDays'"),
        ("flows", {"trafficType": "SOME"}, 'TrafficType: "SOME"; allowed: ACCEPT, REJECT, ALL'),
        ("key", {"description": "x" * 8193}, "0 to 8192 characters are allowed, not 8193"),
        ("key", {"customerMasterKeySpec": "RSA"}, 'KeySpec: "RSA"; allowed: RSA_2048'),
        ("role", {"name": "pipe role"}, r'RoleName: "pipe role"; it must match \[\\w\+=,\.@-\]\+'),
        ("role", {"maxSessionDuration": 60}, "MaxSessionDuration, value: 60, valid min value: 3600"),
        ("images", {"name": "Pipe/API"}, 'repositoryName: "Pipe/API"; it must match'),
        ("expiry", {"policy": "{}"}, "lifecyclePolicyText"),
        ("runner", {"source": {"type": "SVN"}}, 'source.type: "SVN"; allowed: CODECOMMIT'),
    ],
)
def test_a_request_is_checked_by_the_service_model(
    everything: AwsAccount, name: str, changed: dict[str, Any], message: str
) -> None:
    resource = replace(everything.resource(name, **changed), id="")
    with pytest.raises(ProviderError, match=message):
        everything.target.create(resource)


def test_a_client_ignores_the_configuration_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    client = Clients("http://127.0.0.1:9").get("sts", "ap-northeast-1")
    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_a_look_up_that_aws_refuses_is_an_error(
    everything: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = Lookup(
        "iam",
        "GetRole",
        lambda arguments: {"RoleName": arguments["name"]},
        lambda response, arguments: response,
    )
    monkeypatch.setitem(cast(dict[str, Lookup], LOOKUPS), "getRole", lookup)
    with pytest.raises(ProviderError, match=r"^GetRole: NoSuchEntity: "):
        everything.target.invoke("aws:iam/getRole:getRole", {"name": "nobody"}, {})


def test_the_error_of_a_step_has_no_secret(everything: AwsAccount) -> None:
    token, inputs = "aws:iam/policy:Policy", {"name": "x", "description": Secret("pipe-secret")}
    resource = Resource("urn:pulumi:dev::pipe::x::x", token, inputs, {}, "arn:aws:iam::1:policy/pipe-secret")
    aws_resource = AwsResource(everything.target.clients, resource, everything.target.account)
    versions = Items(
        "ListPolicyVersions",
        lambda context: {"PolicyArn": context.id},
        lambda response: response["Versions"],
    )
    step = Change(action="GetPolicy", items=versions)
    with pytest.raises(ProviderError, match=r"^ListPolicyVersions: NoSuchEntity: .*\[secret\]") as error:
        aws_resource.run(step)
    assert "pipe-secret" not in str(error.value)
    assert aws_resource.run(step, gone=True) is None


def test_a_provider_that_is_limited_to_another_account_is_refused(everything: AwsAccount) -> None:
    everything.target.configure({"allowedAccountIds": [everything.target.account]})
    everything.target.configure({})
    with pytest.raises(ProviderError, match=r"^AWS account ID not allowed: 123456789012$"):
        everything.target.configure({"allowedAccountIds": ["210987654321"]})
