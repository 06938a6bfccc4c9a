"""The first `up` of prod in AWS's time and as the deploy role, without a control plane."""

import json
import re
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from sandbox.clouds import process
from sandbox.progress import Progress
from sandbox.wire.aws_requests import Clients
from sandbox.workspace import stacks
from tests.support.stacks import ROOT, copy

ROW = re.compile(r"^(?P<name>\S+) +\S+:\S+ +(?P<needed>\d+)m\d\ds +(?P<limit>\d+)m\d\ds$", re.MULTILINE)
"""A row of the table of the longest waits, with the minutes."""

FAST = ("--no-policies", "--skip-preview")


@dataclass(frozen=True)
class FirstUp:
    """The runs of `up` in a new account, each with its exit code and output."""

    without_statement: tuple[int, str]
    """The run as the deploy role without its statement for the network."""
    complete: tuple[int, str]
    """The next run, with all statements and on the scaled clock."""


@pytest.fixture(scope="module")
def first_up(tmp_path_factory: pytest.TempPathFactory) -> Generator[FirstUp]:
    stack = copy(tmp_path_factory.mktemp("prod"), "prod", "all")
    located = stack.located
    located.sandbox.mkdir(parents=True)
    targets = process.start(
        located.sandbox,
        Progress(),
        control_plane=False,
        account=located.account,
        entities=stacks.entities(located.root),
        zones=stacks.zones(located),
    )
    try:
        code, output = replace(stack, name="foundation/prod").run("up", *FAST)
        assert code == 0, output
        iam: Any = Clients(targets.aws).get("iam", "us-east-1")
        policy = f"arn:aws:iam::{located.account}:policy/pipe-prod-deploy-network"
        remove_statement(iam, policy, "ChangeNetwork")
        without_statement = stack.run("up", "--role", "pipe-prod-deploy", *FAST)
        iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
        complete = stack.run("up", "--role", "pipe-prod-deploy", "--clock", "1:300", *FAST)
        yield FirstUp(without_statement, complete)
    finally:
        process.stop(located.sandbox)


def remove_statement(iam: Any, policy: str, sid: str) -> None:
    """Let a policy have a new default version without a statement."""
    document = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]["Document"]
    statements = [statement for statement in document["Statement"] if statement["Sid"] != sid]
    assert len(statements) == len(document["Statement"]) - 1
    changed = json.dumps(document | {"Statement": statements})
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=changed, SetAsDefault=True)


def test_the_first_up_of_prod_ends_well_in_awss_time_and_as_the_deploy_role(first_up: FirstUp) -> None:
    code, output = first_up.complete
    assert code == 0, output
    rows = {row["name"]: (int(row["needed"]), int(row["limit"])) for row in ROW.finditer(output)}
    assert rows["database"] == (20, 40), output
    assert rows["cluster"] == (15, 30), output
    assert rows["tls-proxy"] == (5, 60), output
    assert ":assumed-role/pipe-prod-deploy/sandbox; IAM decides" in output


def test_an_up_without_a_statement_of_the_role_fails_with_the_action(first_up: FirstUp) -> None:
    code, output = first_up.without_statement
    assert code == 1, output
    account = stacks.find_stack(ROOT, "prod").account
    sender = f"arn:aws:sts::{account}:assumed-role/pipe-prod-deploy/sandbox"
    assert (
        f"UnauthorizedOperation: You are not authorized to perform this operation. User: {sender} is not "
        f"authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:ap-northeast-1:{account}:vpc/* "
        "because no identity-based policy allows the ec2:CreateVpc action"
    ) in " ".join(output.split()), output
