"""Tests that the stacks declare no role, and that foundation declares every role that they name."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tools.iam.recording import record_program

ROOT = Path(__file__).parents[3]

ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([\w+=,.@/-]+)")


STACKS = ["dev", "stg", "prod"]


def account(stack: str) -> str:
    """Return the account of a stack of foundation."""
    file = ROOT / "foundation" / f"Pulumi.{stack}.yaml"
    return yaml.safe_load(file.read_text())["config"]["pipe-foundation:account"]["id"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_declares_neither_roles_nor_policies(stack: str) -> None:
    resources = record_program(stack).resources
    assert not [resource for resource in resources if resource.type.startswith("aws:iam/")]


@pytest.mark.parametrize("stack", STACKS)
def test_every_role_that_a_stack_names_is_in_its_account(stack: str) -> None:
    roles = ROLE.findall(json.dumps([resource.inputs for resource in record_program(stack).resources]))
    named = {(owner, name) for owner, name in roles if not name.startswith("aws-service-role/")}
    declared = {
        (role_account, role.inputs["name"])
        for foundation, role_account in ((stack, account(stack)), ("shared", account("shared")))
        for role in record_program(foundation, is_foundation=True).of_type("aws:iam/role:Role")
    }
    assert len(named) >= 10
    assert named - declared == set()
