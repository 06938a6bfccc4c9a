"""Tests of the questions to AWS, against the sandbox's API."""

import base64
import functools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3
import pytest
import yaml

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]
from components.common.iam_documents import Statement
from foundation.service_roles.environment import environment_roles
from foundation.service_roles.role import ServiceRole
from operations.preflight import demand
from operations.preflight.aws import account as aws_account
from operations.preflight.aws import foundation as aws_foundation
from operations.preflight.aws import quotas as aws_quotas
from operations.preflight.aws import services as aws_services
from operations.preflight.aws.quotas import stack_scope
from sandbox.clouds.aws import service_quotas
from sandbox.clouds.aws.api import AwsApi
from sandbox.clouds.aws.eks import clusters
from sandbox.clouds.aws.rds import offers
from sandbox.clouds.aws.registry import REGISTRY
from sandbox.clouds.aws.requests import AwsRequest
from tests.support.operations.preflight import ACCOUNT, CONNECTION, Stack
from tests.support.sandbox.clouds.local_api import Client, serve

REGION, COPY_REGION = "ap-northeast-1", "ap-northeast-3"
APPLY = (
    "fix: pulumi --cwd foundation up --stack prod --policy-pack ../policies"
    " --policy-pack-config ../policies/config/foundation/prod.json"
)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[AwsApi, str]]:
    api = AwsApi(None, ACCOUNT, ["user/kim", f"connection/{REGION}/{CONNECTION}"])
    with serve(api) as url:
        yield api, url


@pytest.fixture(scope="module")
def session() -> Any:
    """Provide an administrator's session; it is shared, since a new one parses AWS's models again."""
    return cast(Any, boto3).Session("administrator", "secret", region_name=REGION)


@pytest.fixture(scope="module")
def aws_client(server: tuple[AwsApi, str], session: Any) -> Any:
    """Provide a function that returns an administrator's client for a service in a region."""

    @functools.cache
    def client(service: str, region: str = REGION) -> Any:
        return session.client(service, region_name=region, endpoint_url=server[1])

    return client


@pytest.fixture
def aws(
    server: tuple[AwsApi, str], session: Any, aws_client: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Provide clients of an empty account, to which the caller's variables lead."""
    Client(server[1])("POST", "/moto-api/reset")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server[1])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "administrator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", session)
    return aws_client


def account(stack: Stack, title: str) -> list[str]:
    return stack.lines(aws_account.questions, title)


def quota(stack: Stack, title: str) -> list[str]:
    return stack.lines(aws_quotas.questions, title)


def services(stack: Stack, title: str) -> list[str]:
    return stack.lines(aws_services.questions, title)


def foundation(stack: Stack, title: str) -> list[str]:
    return stack.lines(aws_foundation.questions, title)


def changed(stack: Stack, topic: str, **values: Any) -> Stack:
    """Return the stack with other settings of a topic."""
    settings = stack.subject.settings
    part = getattr(settings, topic).model_copy(update=values)
    subject = replace(stack.subject, settings=settings.model_copy(update={topic: part}))
    return replace(stack, subject=subject)


def test_without_credentials_nothing_is_asked(stack: Stack) -> None:
    modules = (aws_account, aws_quotas, aws_services, aws_foundation)
    for module in modules:
        for question in module.questions(stack.subject):
            assert stack.lines(module.questions, question.title) == [
                "?: there are no AWS credentials; fix: set AWS_PROFILE, or log in (aws sso login), for the"
                " account of the stack"
            ]


def test_credentials_of_the_stacks_account_are_a_yes(stack: Stack, aws: Any) -> None:
    assert account(stack, "account") == [f"✓: {ACCOUNT}"]


def test_credentials_of_another_account_are_a_no_and_nothing_else_is_asked(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack.subject.aws, "_account", "000000000000")
    stack = changed(stack, "service", account="000000000000")
    login = "fix: set AWS_PROFILE, or log in (aws sso login), for the account of the stack"
    assert account(stack, "account") == [
        f"✗: the credentials belong to {ACCOUNT}, and the stack to 000000000000; {login}"
    ]
    assert quota(stack, "VPCs") == [f"?: the credentials belong to the account {ACCOUNT}; {login}"]


@pytest.mark.parametrize(("role", "is_operator"), [("pipe-prod-operators", True), ("admins", False)])
def test_the_caller_must_be_an_operator_of_the_cluster(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch, role: str, is_operator: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = aws("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    keys = aws("sts").assume_role(RoleArn=arn, RoleSessionName="kim")["Credentials"]
    caller = cast(Any, boto3).Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    monkeypatch.setattr("boto3.DEFAULT_SESSION", caller)
    roles = ", ".join(f"arn:aws:iam::{ACCOUNT}:role/pipe-prod-{name}" for name in ("deploy", "operators"))
    no = (
        f"✗: arn:aws:sts::{ACCOUNT}:assumed-role/admins/kim is not an operator of the cluster; fix: add the"
        " ARN of the"
        f" role admins to pipe:cluster.operators, and admins to eks-administrator-unknown"
        f" in policies/config/prod.json, or use one of: {roles}"
    )
    assert account(stack, "caller") == [f"✓: role {role} may administer the cluster" if is_operator else no]


def test_three_zones_with_instances_are_a_yes(stack: Stack, aws: Any) -> None:
    zones = ", ".join(f"{REGION}{zone}" for zone in "acd")
    assert account(stack, "availability zones") == [
        f"✓: {zones} are available and offer instances for the nodes"
    ]


def test_too_few_zones_are_a_no(stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    zones = aws("ec2").describe_availability_zones()["AvailabilityZones"]
    monkeypatch.setattr(aws_account, "NO_CONTROL_PLANE", (zones[0]["ZoneId"],))
    assert account(stack, "availability zones") == [
        f"✗: {REGION} has 2 zones for a cluster, and a stack needs 3; fix: choose another region"
        " (pipe:service.region, aws:region)"
    ]


def test_zones_without_instances_for_the_nodes_are_a_no(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_account, "NODE_TYPES", ("m99.large",))
    [line] = account(stack, "availability zones")
    assert line.startswith(f"✗: {REGION}a, {REGION}c, {REGION}d: no instances of the categories c, m and r")


def test_the_name_of_a_bucket_is_free_ours_or_taken(stack: Stack, aws: Any) -> None:
    aws("s3").create_bucket(Bucket="acme-backup", CreateBucketConfiguration={"LocationConstraint": REGION})
    first, second, *_ = account(stack, "bucket")
    assert first == "✓ acme-backup: the bucket is in this account"
    assert second == "✓ acme-backup-logs: the name is free"
    settings = stack.subject.settings.service.model_copy(update={"account": "000000000000"})
    subject = replace(stack.subject, settings=stack.subject.settings.model_copy(update={"service": settings}))
    assert account(replace(stack, subject=subject), "bucket")[0] == (
        "✗ acme-backup: the name is taken by another account, or the caller may not list the bucket; fix:"
        " choose"
        " another name (pipe:backups), also in the foundation's file"
    )


def test_a_bucket_in_another_region_is_a_no(stack: Stack, aws: Any) -> None:
    aws("s3", COPY_REGION).create_bucket(
        Bucket="acme-backup", CreateBucketConfiguration={"LocationConstraint": COPY_REGION}
    )
    assert account(stack, "bucket")[0] == (
        f"✗ acme-backup: the bucket is in this account, but in {COPY_REGION} and not in {REGION}; fix: choose"
        " another name (pipe:backups), also in the foundation's file"
    )


def make_key(aws: Any) -> str:
    kms = aws("kms")
    key: str = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/pipe-state", TargetKeyId=key)
    return key


def test_a_missing_or_disabled_key_of_the_state_is_a_no(stack: Stack, aws: Any) -> None:
    assert account(stack, "key of the state") == [f"✗: alias/pipe-state does not exist; {APPLY}"]
    key = make_key(aws)
    aws("kms").disable_key(KeyId=key)
    assert account(stack, "key of the state") == [
        f"✗: alias/pipe-state is Disabled; fix: aws kms enable-key --key-id {key}"
    ]


def test_the_secrets_of_the_stack_file_are_only_decrypted_in_a_dry_run(
    stack: Stack, aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    key = make_key(aws)
    assert account(stack, "key of the state") == [
        "✓: alias/pipe-state is enabled; the stack file has no secrets that it encrypts"
    ]
    encrypted = aws("kms").encrypt(KeyId=key, Plaintext=b"data key", EncryptionContext={"env": "prod"})
    file = stack.folder / "Pulumi.prod.yaml"
    content = yaml.safe_load(file.read_text())
    content["secretsprovider"] = f"awskms://alias/pipe-state?region={REGION}&context_env=prod"
    content["encryptedkey"] = base64.b64encode(encrypted["CiphertextBlob"]).decode()
    file.write_text(yaml.safe_dump(content))
    assert account(stack, "key of the state") == [
        "✓: alias/pipe-state is enabled, and the caller may decrypt the stack's secrets"
    ]


def test_a_quota_that_is_high_enough_is_a_yes(stack: Stack, aws: Any) -> None:
    assert quota(stack, "elastic IPs, for NAT gateways") == [
        "✓: the stack adds 3, and 0 of 5 are used (L-0263D0A3)"
    ]


def test_the_account_s_own_use_of_a_quota_is_counted(stack: Stack, aws: Any) -> None:
    for _ in range(3):
        aws("ec2").allocate_address(Domain="vpc")
    assert quota(stack, "elastic IPs, for NAT gateways") == [
        "✗: the stack adds 3, and 3 of 5 are used (L-0263D0A3); fix: aws service-quotas"
        " request-service-quota-increase --service-code ec2 --quota-code L-0263D0A3 --desired-value 6"
    ]


def test_what_the_stack_already_has_is_not_counted_twice(stack: Stack, aws: Any) -> None:
    tags = [{"Key": key, "Value": value} for key, value in stack.subject.settings.naming.aws().items()]
    for _ in range(3):
        aws("ec2").allocate_address(
            Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}]
        )
    assert quota(stack, "elastic IPs, for NAT gateways") == [
        "✓: the stack adds 0, and 3 of 5 are used (L-0263D0A3)"
    ]


def test_running_standard_instances_use_vcpus(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = aws("ec2").register_image(Name="node", RootDeviceName="/dev/xvda")["ImageId"]
    tag = {"Key": "eks:eks-cluster-name", "Value": "pipe-prod"}
    for kind, tags in (("m5.large", [tag]), ("c5.xlarge", []), ("g4dn.xlarge", [])):
        specifications = [{"ResourceType": "instance", "Tags": tags}] if tags else []
        aws("ec2").run_instances(
            ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, TagSpecifications=specifications
        )
    title = "vCPUs of running on-demand standard instances"
    used = {
        kind["InstanceType"]: kind["VCpuInfo"]["DefaultVCpus"]
        for kind in aws("ec2").describe_instance_types(InstanceTypes=["m5.large", "c5.xlarge"])[
            "InstanceTypes"
        ]
    }
    own, total = used["m5.large"], sum(used.values())
    assert quota(stack, title) == [f"✓: the stack adds {16 - own}, and {total} of 64 are used (L-1216C47A)"]


def test_a_quota_without_an_own_value_has_aws_default(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = demand.roles(stack_scope(stack.subject))
    assert quota(stack, "IAM roles") == [f"✓: the stack adds {roles}, and 0 of 1000 are used (L-FE177D64)"]
    low = service_quotas.Quota("Roles per account", 10)
    monkeypatch.setitem(service_quotas.QUOTAS, ("iam", "L-FE177D64"), low)
    [line] = quota(stack, "IAM roles")
    assert line.startswith(f"✗: the stack adds {roles}, and 0 of 10 are used (L-FE177D64); fix: ")
    assert line.endswith(f"--desired-value {roles} --region us-east-1")


def test_each_quota_has_its_own_use(stack: Stack, aws: Any) -> None:
    aws("rds").create_db_instance(
        DBInstanceIdentifier="another",
        DBInstanceClass="db.t4g.small",
        Engine="postgres",
        AllocatedStorage=300,
        MasterUsername="somebody",
        MasterUserPassword="something-long",
    )
    for title, more, used, limit, code in (
        ("VPCs", 1, 1, 5, "L-F678F1CE"),
        ("network load balancers", 1, 0, 50, "L-69A177A2"),
        ("RDS instances", 1, 1, 40, "L-7B6409FD"),
        ("storage of all RDS instances, in GB", 1000, 300, 100000, "L-7ADDB58A"),
        ("concurrent CodeBuild builds on Linux/Medium", 1, 0, 1, "L-2DC20C30"),
    ):
        expected = f"✓: the stack adds {more}, and {used} of {limit} are used ({code})"
        assert quota(stack, title) == [expected]


def test_a_database_that_rds_offers_in_all_zones_is_a_yes(stack: Stack, aws: Any) -> None:
    assert services(stack, "RDS instance") == [
        "✓: RDS offers db.r7g.large with PostgreSQL 17.7 in all zones of the stack"
    ]


def offer(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Change RDS's offers of instances."""

    def changed_offers(request: AwsRequest) -> Any:
        options = offers.describe_offers(request)["OrderableDBInstanceOptions"]
        return {"OrderableDBInstanceOptions": [option | changes for option in options]}

    emulated = REGISTRY.emulations
    monkeypatch.setitem(emulated, "rds:DescribeOrderableDBInstanceOptions", changed_offers)


@pytest.mark.parametrize(
    ("offers", "line"),
    [
        (
            {"AvailabilityZones": [{"Name": f"{REGION}a"}]},
            f"✗: RDS does not offer db.r7g.large with PostgreSQL 17.7 in {REGION}c, {REGION}d; fix: choose"
            " another"
            " pipe:database.instanceClass",
        ),
        (
            {"MultiAZCapable": False},
            "✗: RDS offers db.r7g.large with PostgreSQL 17.7 without a standby; fix: choose another"
            " pipe:database.instanceClass",
        ),
        (
            {"SupportsPerformanceInsights": False},
            "✗: RDS offers db.r7g.large with PostgreSQL 17.7 without performance insights; fix: choose"
            " another"
            " pipe:database.instanceClass",
        ),
        (
            {"MaxStorageSize": 500},
            "✗: db.r7g.large with PostgreSQL 17.7 has at most 500 GiB, and the stack file allows 1000; fix:"
            " pulumi"
            " config set --path pipe:database.maxStorageGib 500 --stack prod",
        ),
    ],
)
def test_an_offer_that_lacks_something_is_a_no(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch, offers: dict[str, Any], line: str
) -> None:
    offer(monkeypatch, **offers)
    assert services(stack, "RDS instance") == [line]


def test_an_unknown_class_or_version_is_a_no(stack: Stack, aws: Any) -> None:
    assert services(changed(stack, "database", instance_class="db.m1.small"), "RDS instance") == [
        "✗: RDS does not offer db.m1.small with PostgreSQL 17.7; fix: choose another"
        " pipe:database.instanceClass"
    ]
    assert services(changed(stack, "database", engine_version="9"), "RDS instance") == [
        "✗: RDS does not offer PostgreSQL 9; fix: choose another pipe:database.engineVersion"
    ]


def test_the_certificate_authority_of_the_database(
    stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    title, name = "RDS certificate authority", "rds-ca-rsa2048-g1"
    assert services(stack, title) == [f"✓: {name} is valid until 2061-05-25"]
    soon = datetime.now(UTC) + timedelta(days=400)
    monkeypatch.setitem(offers.AUTHORITIES, name, soon.year - 2)
    assert services(stack, title)[0].startswith(f"✗: {name} expired ")
    monkeypatch.delitem(offers.AUTHORITIES, name)
    assert services(stack, title)[0].startswith(
        f"✗: RDS does not have {name} in this region; fix: choose another"
    )


def test_the_support_of_the_clusters_version(stack: Stack, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime.now(UTC).date() + timedelta(days=100)
    monkeypatch.setattr(clusters, "STANDARD_SUPPORT", {"1.35": end.isoformat()})
    assert services(stack, "EKS version") == [f"✓: 1.35 has standard support until {end} (99 days)"]
    old = changed(stack, "cluster", version="1.32")
    assert services(old, "EKS version") == [
        "✗: 1.32 is in extended support; fix: choose another pipe:cluster.version (docs/upgrades.md)"
    ]
    older = changed(stack, "cluster", version="1.20")
    assert services(older, "EKS version") == [
        "✗: EKS does not offer 1.20; fix: choose another pipe:cluster.version (docs/upgrades.md)"
    ]


def pushed(stack: Stack, aws: Any) -> Stack:
    """Return the stack with an image that its account's registry has."""
    ecr = aws("ecr")
    ecr.create_repository(repositoryName="pipe/api")
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": "sha256:" + "1" * 64, "size": 1, "mediaType": "x"},
        "layers": [],
    }
    image = ecr.put_image(repositoryName="pipe/api", imageManifest=json.dumps(manifest), imageTag="1.0.0")[
        "image"
    ]
    digest = image["imageId"]["imageDigest"]
    return changed(stack, "api", image=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/pipe/api@{digest}")


def test_an_image_must_be_in_the_registry_and_scanned(stack: Stack, aws: Any) -> None:
    title = "image of the API"
    assert services(stack, title)[0].startswith("✗: the registry does not have ")
    stack = pushed(stack, aws)
    exists, scan = services(stack, title)
    assert exists.startswith("✓: the registry has ")
    assert scan == "✗ scan: it was never scanned; fix: aws ecr start-image-scan"
    digest = stack.subject.settings.api.image.partition("@")[2]
    aws("ecr").start_image_scan(repositoryName="pipe/api", imageId={"imageDigest": digest})
    # moto's finding is one of HIGH.
    assert services(stack, title)[1] == (
        "✗ scan: 1 high findings; fix: build the image with fixed packages (scripts/build.sh)"
    )


@pytest.mark.parametrize(
    ("status", "counts", "line"),
    [
        ("COMPLETE", {"LOW": 3}, "✓ no severe findings"),
        ("IN_PROGRESS", {}, "? the scan is running"),
        ("FAILED", {}, "✗ the scan failed: FAILED"),
    ],
)
def test_the_state_of_a_scan_is_an_answer(status: str, counts: dict[str, int], line: str) -> None:
    scan = {"imageScanStatus": {"status": status}, "imageScanFindings": {"findingSeverityCounts": counts}}
    answer = aws_services.scan_answer(scan)
    assert f"{answer.verdict.value} {answer.text}" == line


def test_an_image_without_a_digest_is_a_no(stack: Stack, aws: Any) -> None:
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/pipe/api:1.0.0"
    assert services(changed(stack, "api", image=image), "image of the API") == [
        f"✗: {image} is not an image of ECR with a digest; fix: push an image (scripts/build.sh), and write"
        " it with"
        " its digest into pipe:api.image"
    ]


def test_the_connection_to_github_must_be_approved(stack: Stack, aws: Any) -> None:
    title = "connection to GitHub"
    assert services(stack, title) == ["✓: github is available"]
    client = aws("codeconnections")
    arn = client.create_connection(ProviderType="GitHub", ConnectionName="new")["ConnectionArn"]
    assert services(changed(stack, "ci_runner", connection_arn=arn), title) == [
        "✗: it is PENDING; fix: approve it in the console (Developer Tools, Settings, Connections)"
    ]
    gone = arn[:-4] + "0000"
    assert services(changed(stack, "ci_runner", connection_arn=gone), title) == [
        f"✗: there is no connection {gone}; fix: create it in the console, and set"
        " pipe:ciRunner.connectionArn"
    ]
    assert services(changed(stack, "ci_runner", enabled=False), title) == ["–: the stack has no runner"]


def document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def make_role(iam: Any, role: ServiceRole) -> None:
    iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=document([role.trust]))
    for policy in role.managed_policies:
        iam.attach_role_policy(RoleName=role.name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    if role.statements:
        iam.put_role_policy(
            RoleName=role.name, PolicyName=role.name, PolicyDocument=document(role.statements)
        )


def test_roles_of_the_foundation_must_exist_and_be_current(stack: Stack, aws: Any) -> None:
    scope, iam = stack_scope(stack.subject), aws("iam")
    names, title = demand.service_role_names(scope), "roles of the foundation"
    assert foundation(stack, title) == [f"✗: {', '.join(names)}: does not exist; {APPLY}"]
    roles = {role.name: role for role in environment_roles(scope)}
    for role in roles.values():
        make_role(iam, role)
    for name in demand.PEOPLE_AND_JOBS:
        trust = document([roles["pipe-prod-node"].trust])
        iam.create_role(RoleName=f"pipe-prod-{name}", AssumeRolePolicyDocument=trust)
    assert foundation(stack, title) == [f"✓: {len(names)} exist and are current"]

    policy = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodeMinimalPolicy"
    iam.detach_role_policy(RoleName="pipe-prod-node", PolicyArn=policy)
    iam.delete_role_policy(RoleName="pipe-prod-backup", PolicyName="pipe-prod-backup")
    old = document(roles["pipe-prod-runner"].statements[:1])
    iam.put_role_policy(RoleName="pipe-prod-runner", PolicyName="pipe-prod-runner", PolicyDocument=old)
    iam.update_assume_role_policy(
        RoleName="pipe-prod-api", PolicyDocument=document([roles["pipe-prod-node"].trust])
    )
    iam.delete_role(RoleName="pipe-prod-operators")
    assert sorted(foundation(stack, title)) == sorted(
        [
            f"✗: pipe-prod-node: lacks the managed policies AmazonEKSWorkerNodeMinimalPolicy; {APPLY}",
            f"✗: pipe-prod-runner: the policy differs from the checkout's; {APPLY}",
            f"✗: pipe-prod-api: the trust policy differs from the checkout's; {APPLY}",
            f"✗: pipe-prod-backup: has no policy of its own; {APPLY}",
            f"✗: pipe-prod-operators: does not exist; {APPLY}",
            f"✓: {len(names) - 5} exist and are current",
        ]
    )


def test_policies_of_the_foundation_must_be_current(stack: Stack, aws: Any) -> None:
    scope, iam, title = stack_scope(stack.subject), aws("iam"), "policies of the foundation"
    policies = aws_foundation.managed_policies(scope)
    assert foundation(stack, title) == [f"✗: {', '.join(policies)}: does not exist; {APPLY}"]
    for name, statements in policies.items():
        # IAM may return actions in another order.
        shuffled = [{**row, "Action": [*reversed(cast("list[str]", row["Action"]))]} for row in statements]
        if name == "pipe-read":
            shuffled[0]["Action"] = ["ec2:Describe*"]
        iam.create_policy(PolicyName=name, PolicyDocument=document(shuffled))
    assert foundation(stack, title) == [
        f"✗: pipe-read: differs from the checkout's; {APPLY}",
        f"✓: {len(policies) - 1} exist and are current",
    ]
