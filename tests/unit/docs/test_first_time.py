"""Tests of the order in README's section about the first time, which test_life.py of the drills follows."""

from sandbox.workspace import stacks
from sandbox.workspace.stacks import find_stack, required_stack
from tests.support.docs import first_time
from tests.support.docs.commands import ROOT


def test_every_stack_comes_up_once_and_after_the_stack_that_it_requires() -> None:
    ups = [stack for stack, operation in first_time.operations() if operation == "up"]
    assert sorted(ups) == sorted(stacks.projects(ROOT))
    for name in ups:
        required = required_stack(find_stack(ROOT, name))
        if required is not None:
            assert ups.index(required.label) < ups.index(name)


def test_the_account_with_the_registry_comes_first() -> None:
    assert first_time.operations()[0] == ("foundation/shared", "up")
