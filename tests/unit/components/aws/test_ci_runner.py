import json
from collections.abc import Callable
from typing import Any

import pytest

from components.aws.ci_runner import Runner, RunnerArgs
from components.common.naming import Naming
from components.settings.models.ci_runner import CiRunner as RunnerSettings
from tests.support.components.fixtures import Recorder, evaluate

CONNECTION = (
    "arn:aws:codeconnections:ap-northeast-1:123456789012:connection/3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96"
)
EC2 = "arn:aws:ec2:ap-northeast-1:123456789012"
SUBNETS = [f"{EC2}:subnet/subnet-1", f"{EC2}:subnet/subnet-2"]


@pytest.fixture
def declare(recorder: Recorder, naming: Naming, topic: Callable[..., Any]) -> Callable[..., Recorder]:
    def run(*, protect: bool = False, **changes: Any) -> Recorder:
        args = RunnerArgs(
            settings=topic(RunnerSettings, "ciRunner", "prod", **changes),
            naming=naming,
            repository="pipe-dev/infrastructure",
            vpc_id="vpc-1",
            subnet_ids=["subnet-1", "subnet-2"],
            cluster_security_group_id="sg-cluster",
            protect=protect,
        )
        evaluate(lambda: Runner("runner", args).urn)
        return recorder

    return run


def statements(recorder: Recorder) -> dict[str, dict[str, Any]]:
    policy = recorder.inputs["aws:iam/rolePolicy:RolePolicy", "runner"]["policy"]
    return {statement["Sid"]: statement for statement in json.loads(policy)["Statement"]}


def test_nothing_is_made_when_it_is_switched_off(declare: Callable[..., Recorder]) -> None:
    assert {typ for typ, _ in declare(enabled=False).inputs} <= {"pipe:delivery:Runner"}


def test_it_runs_the_queued_jobs_of_the_repository_and_of_known_accounts(
    declare: Callable[..., Recorder],
) -> None:
    recorder = declare(actors=["583231", "41898282"])
    project = recorder.inputs["aws:codebuild/project:Project", "runner"]
    assert project["name"] == "pipe-test-runner"
    assert project["source"] == {
        "type": "GITHUB",
        "location": "https://github.com/pipe-dev/infrastructure.git",
        "gitCloneDepth": 1,
        "auth": {"type": "CODECONNECTIONS", "resource": CONNECTION},
    }
    webhook = recorder.inputs["aws:codebuild/webhook:Webhook", "runner"]
    assert webhook["projectName"] == "pipe-test-runner"
    both = [  # a build starts where all filters of a group hold
        {"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"},
        {"type": "ACTOR_ACCOUNT_ID", "pattern": "^(583231|41898282)$"},
    ]
    assert webhook["filterGroups"] == [{"filters": both}]


def test_it_is_in_the_vpc_and_cannot_run_docker(declare: Callable[..., Recorder]) -> None:
    project = declare().inputs["aws:codebuild/project:Project", "runner"]
    assert project["vpcConfig"] == {
        "vpcId": "vpc-1",
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["runner-id"],
    }
    assert project["environment"]["privilegedMode"] is False
    assert project["environment"]["computeType"] == "BUILD_GENERAL1_MEDIUM"


def test_it_speaks_https_and_reaches_the_clusters_api(declare: Callable[..., Recorder]) -> None:
    recorder = declare()
    [out] = recorder.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    [api] = recorder.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    assert (out["securityGroupId"], out["ipProtocol"], out["fromPort"], out["toPort"], out["cidrIpv4"]) == (
        "runner-id",
        "tcp",
        443,
        443,
        "0.0.0.0/0",
    )
    assert (api["securityGroupId"], api["referencedSecurityGroupId"]) == ("sg-cluster", "runner-id")
    assert (api["ipProtocol"], api["fromPort"], api["toPort"]) == ("tcp", 443, 443)
    [group] = recorder.of_type("aws:ec2/securityGroup:SecurityGroup").values()
    assert [item["description"] for item in (group, out, api)] == [
        "The GitHub runner",
        "HTTPS to GitHub, AWS, the registries and the cluster",
        "Cluster API from the GitHub runner",
    ]
    assert not {"ingress", "egress"} & set(group)


def test_its_role_reaches_its_logs_its_connection_and_its_subnets_only(
    declare: Callable[..., Recorder],
) -> None:
    found = statements(declare())
    logs = "arn:aws:mock:::runner"
    assert {sid: statement["Resource"] for sid, statement in found.items()} == {
        "WriteEvents": [logs, f"{logs}:*"],
        "ReachGitHub": [CONNECTION],
        "LookAround": ["*"],
        "MakeInterface": [f"{EC2}:network-interface/*", f"{EC2}:security-group/runner-id", *SUBNETS],
        "RemoveInterface": [f"{EC2}:network-interface/*"],
        "HandInterfaceToCodeBuild": [f"{EC2}:network-interface/*"],
    }
    assert all(action.startswith("ec2:Describe") for action in found["LookAround"]["Action"])
    assert not any("*" in action for statement in found.values() for action in statement["Action"])


def test_a_network_interface_is_handed_to_codebuild_only_and_in_these_subnets_only(
    declare: Callable[..., Recorder],
) -> None:
    found = statements(declare())
    assert found["HandInterfaceToCodeBuild"]["Condition"] == {
        "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
        "ArnEquals": {"ec2:Subnet": SUBNETS},
    }
    assert found["RemoveInterface"]["Condition"] == {"ArnEquals": {"ec2:Subnet": SUBNETS}}


def test_the_project_waits_for_the_rights_that_codebuild_tries(declare: Callable[..., Recorder]) -> None:
    waits_for = declare().dependencies["aws:codebuild/project:Project", "runner"]
    assert ("aws:iam/rolePolicy:RolePolicy", "runner") in waits_for


def test_only_codebuild_of_this_account_assumes_its_role(declare: Callable[..., Recorder]) -> None:
    role = declare().inputs["aws:iam/role:Role", "runner"]
    [trust] = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert role["permissionsBoundary"] == "arn:aws:iam::123456789012:policy/pipe-test-boundary"


def test_its_logs_are_encrypted_and_end(declare: Callable[..., Recorder]) -> None:
    recorder = declare()
    group = recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "runner"]
    assert (group["name"], group["retentionInDays"]) == ("/aws/codebuild/pipe-test-runner", 90)
    assert group["kmsKeyId"] == "arn:aws:mock:::runner"
    logs = recorder.inputs["aws:codebuild/project:Project", "runner"]["logsConfig"]
    assert logs == {"cloudwatchLogs": {"status": "ENABLED", "groupName": "/aws/codebuild/pipe-test-runner"}}


@pytest.mark.parametrize("protect", [True, False])
def test_the_key_of_its_logs_is_protected_where_the_settings_say_so(
    declare: Callable[..., Recorder], protect: bool
) -> None:
    assert declare(protect=protect).protected == ({("aws:kms/key:Key", "runner")} if protect else set())
