"""Tests of the titles of resources with the same name and type."""

from pathlib import Path
from typing import Any

from review.build import build
from review.model import BASE_TO_HEAD, Report, title
from review.objects.titles import tell_apart
from review.plain_data import build_mask
from review.render import renderings
from review.stacks.engine_run import EngineRun, Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile
from tests.support.review.stacks import VPC

GROUP = "aws:ec2/securityGroup:SecurityGroup"
TITLE = "access (aws:ec2:SecurityGroup)"


def member(
    *types: str, name: str = "access", parent: str = "", stack: str = "dev", **inputs: Any
) -> Resource:
    """Return a resource with the types of its parents and its own type; only a group has an object."""
    urn = f"urn:pulumi:{stack}::pipe::{'$'.join(types)}::{name}"
    state = {"urn": urn, "type": types[-1], "custom": types[-1] == GROUP, "parent": parent, "inputs": inputs}
    return Resource(state)


def groups(opened: str = "", stack: str = "dev") -> Stack:
    """Return a stack with a group of the same name in two components; one of them may be opened."""
    steps: list[Step] = []
    for kind in ("pipe:x:Website", "pipe:x:Database"):
        net = member(kind, name="net", stack=stack)
        cidrs = ("10.0.0.0/16", "0.0.0.0/0" if kind.endswith(f":{opened}") else "10.0.0.0/16")
        old, new = (member(kind, GROUP, parent=net.urn, stack=stack, cidr=cidr) for cidr in cidrs)
        steps += [Step("same", net, net), Step("update" if cidrs[0] != cidrs[1] else "same", old, new)]
    run = EngineRun(Path(), {step.resource.urn: step for step in steps})
    return Stack(stack, run, None, StackFile(f"Pulumi.{stack}.yaml", {}, {}))


def report(folder: Path, *stacks: Stack) -> Report:
    return build(BASE_TO_HEAD, ("base", "head"), stacks, build_mask([]), (folder, folder))


def test_changes_of_two_resources_with_one_name_are_told_apart_in_every_format(tmp_path: Path) -> None:
    for opened in ("Website", "Database"):
        reviewed = report(tmp_path, groups(opened))
        [change] = reviewed.changes
        assert title(change) == f"{TITLE} in net (pipe:x:{opened})"
        assert change.key == f"pipe:x:{opened}${GROUP}::access"
        for render in (renderings.render_terminal, renderings.render_markdown, renderings.render_html):
            assert f"net (pipe:x:{opened})" in render(reviewed).replace("\u200b", "")


def test_changes_of_two_resources_in_two_stacks_are_no_change_of_one_resource(tmp_path: Path) -> None:
    changes = report(tmp_path, groups("Database"), groups("Website", "prod")).changes
    assert sorted((change.stacks, title(change)) for change in changes) == [
        (["dev"], f"{TITLE} in net (pipe:x:Database)"),
        (["prod"], f"{TITLE} in net (pipe:x:Website)"),
    ]
    [change] = report(tmp_path, groups("Database"), groups("Database", "prod")).changes
    assert change.stacks == ["dev", "prod"]


def titles(*steps: Step) -> list[str]:
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step for step in steps}))
    tell_apart([stack])
    return [title(side) for step in steps for side in (step.old, step.new) if side]


def test_a_title_that_is_unique_has_no_parents() -> None:
    net = member("pipe:x:Net", name="net")
    inner = member("pipe:x:Net", GROUP, parent=net.urn)
    assert titles(Step("create", None, net), Step("create", None, inner)) == [
        "net (pipe:x:Net, component)",
        TITLE,
    ]


def test_a_resource_that_moves_by_an_alias_is_one_resource() -> None:
    net = member("pipe:x:Net", name="net")
    moved = Step("update", member(GROUP), member("pipe:x:Net", GROUP, parent=net.urn))
    assert titles(moved, Step("create", None, net)) == [TITLE, TITLE, "net (pipe:x:Net, component)"]


def test_a_deleted_resource_and_a_new_one_of_its_name_are_two() -> None:
    net = member("pipe:x:Net", name="net")
    inner = member("pipe:x:Net", GROUP, parent=net.urn)
    steps = Step("same", net, net), Step("delete", member(GROUP), None), Step("create", None, inner)
    assert titles(*steps)[2:] == [TITLE, f"{TITLE} in net (pipe:x:Net)"]


def test_resources_whose_types_look_the_same_have_their_urn_as_title() -> None:
    kinds = VPC, "aws:ec2/other:Vpc"
    assert titles(*(Step("create", None, member(kind, name="main")) for kind in kinds)) == [
        f"main (aws:ec2:Vpc, component) in {kind}::main" for kind in kinds
    ]
