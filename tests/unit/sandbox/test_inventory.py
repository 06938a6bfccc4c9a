"""Tests of the targets' inventory, and of the search for strings in targets and files."""

import base64
from pathlib import Path
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.progress import Progress
from sandbox.wire.kubernetes_api import Api
from tests.engine.sandbox.clouds.cloudflare import test_api as of_cloudflare
from tests.engine.sandbox.clouds.datadog import test_api as of_datadog
from tests.support.sandbox.inventory import REGIONS, ZONE, call, client, in_targets, zone_url
from tests.support.sandbox.secret_search import find_places
from tests.support.stacks import Stack, forms

TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "ec2.amazonaws.com"}}]}'
)
READS = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", '
    '"Resource": "*"}]}'
)
VIEWS = "arn:aws:iam::aws:policy/ReadOnlyAccess"


@pytest.mark.engine
def test_the_inventory_lists_resources_that_no_state_has(tmp_path: Path) -> None:
    targets = process.start(tmp_path, Progress(), control_plane=False, zones=[ZONE])
    try:
        assert in_targets(targets) == set()
        iam, kms, logs = client(targets, "iam"), client(targets, "kms"), client(targets, "logs")
        iam.create_role(RoleName="it", AssumeRolePolicyDocument=TRUST)
        iam.put_role_policy(RoleName="it", PolicyName="reads", PolicyDocument=READS)
        iam.attach_role_policy(RoleName="it", PolicyArn=VIEWS)
        policy = iam.create_policy(PolicyName="own", PolicyDocument=READS)["Policy"]["Arn"]
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/it", TargetKeyId=key)
        client(targets, "ecr").create_repository(repositoryName="pipe/it")
        logs.create_log_group(logGroupName="/pipe/it")
        zone = zone_url(targets)
        call(f"{zone}/dnssec", "PATCH", {"status": "active"})
        ruleset = call(f"{zone}/rulesets", "POST", of_cloudflare.RULESET)["result"]["id"]
        monitor_url = f"{targets.datadog}/api/v1/monitor"
        monitors = [call(monitor_url, "POST", of_datadog.MONITOR)["id"] for _ in range(2)]
        accounts = f"{targets.datadog}/api/v2/integration/aws/accounts"
        account = call(accounts, "POST", of_datadog.ACCOUNT)["data"]["id"]
        assert in_targets(targets) == {
            ("Role", "it"),
            ("RolePolicy", "it:reads"),
            ("RolePolicyAttachment", f"it/{VIEWS}"),
            ("Policy", policy),
            ("Key", key),
            ("Alias", "alias/it"),
            ("Repository", "pipe/it"),
            ("LogGroup", "/pipe/it"),
            ("ZoneDnssec", zone.rpartition("/")[2]),
            ("Ruleset", ruleset),
            *(("Monitor", str(ident)) for ident in monitors),
            ("IntegrationAccount", account),
        }
    finally:
        process.stop(tmp_path)


PLANTED = "planted-9f2c41"


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
@pytest.mark.parametrize("after", ["", "@", "@db"])
def test_a_text_within_base64_is_found(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{PLANTED}{after}".encode()).decode()
    assert any(form in encoded for form in forms(PLANTED))
    assert not any(form in base64.b64encode(b"planted-8f2c41").decode() for form in forms(PLANTED))


def test_a_text_is_found_in_every_file(tmp_path: Path) -> None:
    stack = Stack(tmp_path, "dev")
    (stack.folder / "state").mkdir(parents=True)
    (stack.folder / "engine.log").write_bytes(b"\xff" + PLANTED.encode())
    (stack.folder / "state" / "dev.json").write_text(base64.b64encode(f"a:{PLANTED}".encode()).decode())
    (stack.folder / "summary.json").write_text("{}")
    assert stack.files_with("absent", PLANTED) == {"engine.log", "state/dev.json"}


@pytest.mark.drill
def test_a_text_is_found_in_every_target(tmp_path: Path) -> None:
    targets = process.start(tmp_path, Progress(), control_plane=True, zones=[ZONE])
    try:
        assert targets.kubeconfig
        api, plain = Api(targets.kubeconfig), {"key": f"a {PLANTED} b"}
        encoded = {"key": base64.b64encode(f"user:{PLANTED}".encode()).decode()}
        for kind, data in (("ConfigMap", plain), ("Secret", encoded)):
            manifest: dict[str, Any] = {
                "apiVersion": "v1",
                "kind": kind,
                "metadata": {"name": "it"},
                "data": data,
            }
            api.call("POST", f"/api/v1/namespaces/default/{kind.lower()}s", manifest)
        role = client(targets, "iam").create_role(
            RoleName="it",
            AssumeRolePolicyDocument=TRUST.replace("ec2", "codebuild"),
            Tags=[{"Key": "Note", "Value": PLANTED}],
        )
        client(targets, "ec2").create_vpc(
            CidrBlock="10.0.0.0/16",
            TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": PLANTED}]}],
        )
        client(targets, "codebuild").create_project(
            name="it",
            source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "x",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": "KEY", "value": PLANTED}],
            },
            serviceRole=role["Role"]["Arn"],
        )
        client(targets, "logs").create_log_group(logGroupName=f"/pipe/{PLANTED}")
        client(targets, "secretsmanager").create_secret(Name="it", Description=PLANTED, SecretString="x")
        replica_region = REGIONS[1]
        tags = [{"TagKey": "Note", "TagValue": PLANTED}]
        client(targets, "kms", replica_region).create_key(Description=PLANTED, Tags=tags)
        s3 = client(targets, "s3")
        s3.create_bucket(Bucket="it-42", CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
        s3.put_bucket_tagging(Bucket="it-42", Tagging={"TagSet": [{"Key": "Note", "Value": PLANTED}]})
        client(targets, "logs", replica_region).create_log_group(
            logGroupName="/pipe/it", tags={"Note": PLANTED}
        )
        call(f"{zone_url(targets)}/dns_records", "POST", of_cloudflare.RECORD | {"comment": PLANTED})
        call(f"{targets.datadog}/api/v1/monitor", "POST", of_datadog.MONITOR | {"message": PLANTED})
        places = find_places([PLANTED, "absent"], targets)
        assert places["absent"] == set()
        record, monitor = of_cloudflare.RECORD["name"], of_datadog.MONITOR["name"]
        assert places[PLANTED] == {
            "ConfigMap it",
            "Secret it",
            "iam GetAccountAuthorizationDetails",
            "codebuild BatchGetProjects",
            "ec2 DescribeTags",
            "kms DescribeKey",
            "kms ListResourceTags",
            "logs DescribeLogGroups",
            "logs ListTagsForResource",
            "s3 GetBucketTagging",
            "secretsmanager ListSecrets",
            f"Cloudflare dns_records {record}",
            f"Datadog v1/monitor {monitor}",
        }
    finally:
        process.stop(tmp_path)
