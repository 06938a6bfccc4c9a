"""Tests of the remarks that name the resources whose IDs and outputs are in a changed value."""

from pathlib import Path
from typing import Any

from review.objects.owners import NOT_IN_STACK
from review.objects.titles import tell_apart
from review.stacks.engine_run import EngineRun, Step
from review.stacks.properties import changed_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from tests.support.review.stacks import VPC, after, resource
from tests.support.rows import each_row

GROUP, DATABASE = "aws:ec2/securityGroup:SecurityGroup", "aws:rds/instance:Instance"
PRIVATE, WEB = "private (aws:ec2:SecurityGroup)", "web (aws:ec2:SecurityGroup)"

private = resource(GROUP, "private", id="sg-private", outputs={"arn": "arn:aws:ec2:group/sg-private"})
web = resource(GROUP, "web", id="sg-web", outputs={"arn": "arn:aws:ec2:group/sg-web"})
ROLES = [resource("aws:iam/role:Role", name, {"name": name}, id=name) for name in ("reader", "writer")]
INVENTED = {
    "private": {"sg-private": "", "arn:aws:ec2:group/sg-private": ""},
    "web": {"sg-web": "", "arn:aws:ec2:group/sg-web": ""},
}


def sources(
    old: dict[str, Any], new: dict[str, Any], *, predicted: bool = True, depends: bool = True
) -> list[list[str]]:
    """Return the sources of each changed property of a database, whose stack has two groups and two roles."""
    sides: list[Resource] = []
    for inputs in (old, new):
        owners = (private, web, *ROLES)
        urns = [owner.urn for owner in owners] if depends else []
        state = after(*owners) | {"propertyDependencies": dict.fromkeys(inputs, urns)}
        sides.append(resource(DATABASE, "db", inputs, **state))
    step = Step("update", sides[0], sides[1], dict.fromkeys(new, "update"))
    same = [Step("same", group, group) for group in (private, web, *ROLES)]
    steps = {member.resource.urn: member for member in (step, *same)}
    renewed = {group.urn: INVENTED[group.name] for group in (private, web)} if predicted else {}
    stack = Stack("dev", EngineRun(Path(), steps), EngineRun(Path(), renewed=renewed), predicted=predicted)
    return [changed.sources for changed in changed_properties(step, stack)]


@each_row(
    ("old", "new", "expected"),
    [
        ("sg-private", "sg-web", [WEB, f"before: {PRIVATE}"]),
        (["sg-private"], ["sg-web"], [WEB, f"before: {PRIVATE}"]),
        (["sg-private"], ["sg-private", "sg-web"], [WEB]),
        (["sg-private", "sg-web"], ["sg-web"], [f"before: {PRIVATE}"]),
        ("arn:aws:ec2:group/sg-private/*", "arn:aws:ec2:group/sg-web/*", [WEB, f"before: {PRIVATE}"]),
        ("sg-private,sg-web", "sg-private", [f"before: {WEB}"]),
        ("sg-private", "sg-0123", [NOT_IN_STACK, f"before: {PRIVATE}"]),
        ("sg-0123", "sg-web", [WEB]),
        ("sg-private", "sg-private:x", []),
        ("my-sg-private", "my-sg-web", []),
        ("sg-1", "sg-2", []),
        ("reader", "writer", ["writer (aws:iam:Role)", "before: reader (aws:iam:Role)"]),
    ],
)
def test_a_change_names_the_resources_before_and_after_it(old: Any, new: Any, expected: list[str]) -> None:
    assert sources({"value": old}, {"value": new}) == [expected]


def test_without_a_dependency_only_what_no_program_chooses_names_a_resource() -> None:
    [changed] = sources({"value": "sg-private"}, {"value": "sg-web"}, depends=False)
    assert changed == [WEB, f"before: {PRIVATE}"]
    assert sources({"value": "reader"}, {"value": "writer"}, depends=False) == [[]]


def test_a_real_preview_has_the_ids_that_an_account_has_chosen() -> None:
    changed = sources({"value": "a sg-private"}, {"value": "a sg-web"}, predicted=False)
    assert changed == [[WEB, f"before: {PRIVATE}"]]


def test_an_object_of_an_input_is_named_as_for_a_created_resource() -> None:
    assert sources({"roleArn": "arn:1"}, {"roleArn": "arn:2"}) == [[NOT_IN_STACK]]
    assert sources({"engine": "arn:1"}, {"engine": "arn:2"}) == [[]]


def test_resources_of_one_name_and_type_are_told_apart() -> None:
    base = [resource(VPC, "main", id=f"vpc-{number}") for number in (1, 2)]
    urns = [f"urn:pulumi:dev::pipe::a:b:{part}${VPC}::main" for part in ("First", "Second")]
    parents = [f"urn:pulumi:dev::pipe::a:b:{part}::{part}" for part in ("First", "Second")]
    twins = [
        Resource({**vpc.state, "urn": urn, "parent": parent})
        for vpc, urn, parent in zip(base, urns, parents, strict=True)
    ]
    components = [Resource({"urn": parent, "type": parent.split("::")[2]}) for parent in parents]
    sides = [
        resource(DATABASE, "db", {"vpc": f"vpc-{number}"}, propertyDependencies={"vpc": urns})
        for number in (1, 2)
    ]
    step = Step("update", sides[0], sides[1], {"vpc": "update"})
    steps = [step, *(Step("same", member, member) for member in (*twins, *components))]
    stack = Stack("dev", EngineRun(Path(), {member.resource.urn: member for member in steps}))
    tell_apart([stack])
    [changed] = changed_properties(step, stack)
    new, old = (f"main (aws:ec2:Vpc) in {part} (a:b:{part})" for part in ("Second", "First"))
    assert changed.sources == [new, f"before: {old}"]
