"""Tests of the CodeBuild project that runs jobs of GitHub Actions inside the VPC."""

from functools import partial

import pytest
import yaml

from components.aws.ci_runner import BUILDSPEC
from tests.support.components import aws
from tests.support.components.fixtures import Declare

CONNECTION = (
    "arn:aws:codeconnections:ap-northeast-1:777788889999:connection/3f6d1c1e-8f0a-4c58-9d5b-2a7c0e1b4d96"
)
PROJECT = ("aws:codebuild/project:Project", "runner")


@pytest.fixture
def declare(declare_component: Declare) -> Declare:
    return partial(declare_component, aws.ci_runner)


def test_a_disabled_runner_has_no_resources(declare: Declare) -> None:
    assert {typ for typ, _ in declare(enabled=False).inputs} <= {"pipe:delivery:Runner"}


def test_it_runs_queued_jobs_of_the_repository_and_of_known_accounts(declare: Declare) -> None:
    recorder = declare(actors=["583231", "41898282"])
    project = recorder.inputs[PROJECT]
    assert project["name"] == "pipe-test-runner"
    assert project["serviceRole"] == "arn:aws:iam::123456789012:role/pipe-test-runner"
    assert project["source"] == {
        "type": "GITHUB",
        "location": "https://github.com/pipe-dev/infrastructure.git",
        "gitCloneDepth": 1,
        "buildspec": BUILDSPEC,
        "auth": {"type": "CODECONNECTIONS", "resource": CONNECTION},
    }
    webhook = recorder.inputs["aws:codebuild/webhook:Webhook", "runner"]
    assert webhook["projectName"] == "pipe-test-runner"
    # A build starts if all filters in a group match.
    filters = [
        {"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"},
        {"type": "ACTOR_ACCOUNT_ID", "pattern": "^(583231|41898282)$"},
        {"type": "WORKFLOW_NAME", "pattern": "^(Deploy|Drift|Operate)$"},
    ]
    assert webhook["filterGroups"] == [{"filters": filters}]


def test_it_registers_in_the_organizations_runner_group(declare: Declare) -> None:
    environment = declare(runnerGroup=7).inputs[PROJECT]["environment"]
    assert environment["environmentVariables"] == [
        {"name": "CODEBUILD_CONFIG_GITHUB_ACTIONS_ORG_REGISTRATION_NAME", "value": "pipe-dev"},
        {"name": "CODEBUILD_CONFIG_GITHUB_ACTIONS_RUNNER_GROUP_ID", "value": "7"},
    ]


def test_a_label_cannot_make_it_run_build_commands_of_a_branch(declare: Declare) -> None:
    commands = yaml.safe_load(declare().inputs[PROJECT]["source"]["buildspec"])
    assert commands == {"version": 0.2, "phases": {"build": {"commands": ["true"]}}}


def test_it_is_in_the_vpc_and_cannot_run_docker(declare: Declare) -> None:
    project = declare().inputs[PROJECT]
    assert project["vpcConfig"] == {
        "vpcId": "vpc-1",
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["runner-id"],
    }
    assert project["environment"]["privilegedMode"] is False
    assert project["environment"]["computeType"] == "BUILD_GENERAL1_MEDIUM"


def test_it_reaches_https_and_the_clusters_api(declare: Declare) -> None:
    recorder = declare()
    [egress] = recorder.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    [ingress] = recorder.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    for rule in (egress, ingress):
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
    assert (egress["securityGroupId"], egress["cidrIpv4"]) == ("runner-id", "0.0.0.0/0")
    assert (ingress["securityGroupId"], ingress["referencedSecurityGroupId"]) == ("sg-cluster", "runner-id")
    [group] = recorder.of_type("aws:ec2/securityGroup:SecurityGroup").values()
    assert not {"ingress", "egress"} & set(group)


@pytest.mark.parametrize("protect", [True, False])
def test_its_logs_are_encrypted_with_a_key_that_the_settings_protect(declare: Declare, protect: bool) -> None:
    recorder = declare(protect=protect)
    group = recorder.inputs["aws:cloudwatch/logGroup:LogGroup", "runner"]
    assert (group["name"], group["retentionInDays"]) == ("/aws/codebuild/pipe-test-runner", 90)
    logs = recorder.inputs[PROJECT]["logsConfig"]
    assert logs == {"cloudwatchLogs": {"status": "ENABLED", "groupName": "/aws/codebuild/pipe-test-runner"}}
    assert recorder.protected == ({("aws:kms/key:Key", "runner")} if protect else set())
