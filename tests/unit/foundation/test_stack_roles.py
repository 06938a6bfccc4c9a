"""Tests that the stacks declare no role, and that foundation declares every role that they name."""

import functools
import json
import re
import runpy
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
import yaml

from tests.support.components.fixtures import evaluate
from tests.support.foundation.fixtures import evaluate_foundation
from tools.bench import evaluation

ROOT = Path(__file__).parents[3]

ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/([\w+=,.@/-]+)")


class Inputs(evaluation.Answers):
    """Mocks that record the inputs of every resource, by type and name."""

    def __init__(self) -> None:
        self.inputs: dict[tuple[str, str], Any] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.inputs[args.typ, args.name] = cast(Any, args).inputs
        return super().new_resource(args)


@functools.cache
def inputs_of(stack: str) -> dict[tuple[str, str], Any]:
    """Return the inputs of every resource of a stack."""
    mocks = Inputs()
    pulumi.runtime.set_mocks(mocks, project="pipe", stack=stack)
    pulumi.runtime.set_all_config(*evaluation.configuration(stack))
    try:
        evaluate(lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__") and None)
    finally:
        pulumi.runtime.set_all_config({})
    return mocks.inputs


STACKS = ["dev", "stg", "prod"]


def account(stack: str) -> str:
    """Return the account of a stack of foundation."""
    file = ROOT / "foundation" / f"Pulumi.{stack}.yaml"
    return yaml.safe_load(file.read_text())["config"]["pipe-foundation:account"]["id"]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_declares_neither_roles_nor_policies(stack: str) -> None:
    assert not [(typ, name) for typ, name in inputs_of(stack) if typ.startswith("aws:iam/")]


@pytest.mark.parametrize("stack", STACKS)
def test_every_role_that_a_stack_names_is_in_its_account(stack: str) -> None:
    roles = ROLE.findall(json.dumps(list(inputs_of(stack).values())))
    named = {(owner, name) for owner, name in roles if not name.startswith("aws-service-role/")}
    declared = {
        (role_account, role["name"])
        for foundation, role_account in ((stack, account(stack)), ("shared", account("shared")))
        for role in evaluate_foundation(foundation).of_type("aws:iam/role:Role").values()
    }
    assert len(named) >= 10
    assert named - declared == set()
