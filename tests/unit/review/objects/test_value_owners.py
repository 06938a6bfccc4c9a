"""Tests of the remarks that name the resources whose IDs and outputs are in a changed value."""

from pathlib import Path
from typing import Any

from review.objects.lookup_answers import find_lookups
from review.objects.owners import NOT_IN_STACK
from review.objects.titles import tell_apart
from review.stacks.engine_run import EngineRun, Step
from review.stacks.outputs import find_changes
from review.stacks.properties import changed_properties, new_properties
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from sandbox.wire.values import digest
from tests.support.review.stacks import VPC, after, resource, set_outputs
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
        ("sg-private", "sg-0123", [f"before: {PRIVATE}"]),  # It may be computed from the group.
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
    [changed] = sources({"value": "sg-private"}, {"value": "sg-0123"}, depends=False)
    assert changed == [NOT_IN_STACK, f"before: {PRIVATE}"]
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


ZONES = {name: digest(name) + digest(f"{name} again") for name in ("dev", "stg")}


def lookups(*names: str) -> list[dict[str, Any]]:
    """Return the rows of look-ups of zones."""
    return [
        {
            "lookup": "cloudflare:index/getZone:getZone",
            "args": {"name": name},
            "answer": [["id", digest(ZONES[name])], ["name", digest(name)]],
        }
        for name in names
    ]


def reviewed(*steps: Step, outputs: tuple[dict[str, Any], dict[str, Any]] = ({}, {})) -> Stack:
    """Return a stack with two groups and these steps, whose sides look up two zones."""
    same = [Step("same", group, group) for group in (private, web)]
    members = {member.resource.urn: member for member in (*steps, *same)}
    renewed = {group.urn: INVENTED[group.name] for group in (private, web)}
    sides = [EngineRun(Path(), dict(members), renewed=renewed).add(lookups(*ZONES)) for _ in outputs]
    for side, values in zip(sides, outputs, strict=True):
        set_outputs(side, values)
    return Stack("dev", sides[1], sides[0], predicted=True)


def new_sources(inputs: dict[str, Any]) -> dict[str, list[str]]:
    """Return the sources of the inputs of a created database, which depends on two groups."""
    state = after(private, web) | {"propertyDependencies": {name: [private.urn, web.urn] for name in inputs}}
    step = Step("create", None, resource(DATABASE, "db", inputs, **state))
    return {item.path: item.sources for item in new_properties(step, reviewed(step)) if item.sources}


@each_row(
    ("value", "expected"),
    [
        ("sg-web", [WEB]),
        (["sg-web", "sg-private"], [WEB, PRIVATE]),
        ({"b": "sg-private", "a": "x sg-web"}, [PRIVATE, WEB]),
        ('{"Resource": "arn:aws:ec2:group/sg-web"}', [WEB]),
        (f"zone {ZONES['stg']}", ['getZone {"name": "stg"}']),
        (f"{ZONES['dev']}/{ZONES['stg']}", ['getZone {"name": "dev"}', 'getZone {"name": "stg"}']),
        ("stg", []),
        ("my-sg-web", []),
    ],
)
def test_an_input_of_a_created_resource_names_its_sources(value: Any, expected: list[str]) -> None:
    assert [*new_sources({"value": value}).values()] == ([expected] if expected else [])
    [change] = find_changes(reviewed(outputs=({}, {"value": value})))
    assert [item.sources for item in change.properties] == [expected]


def test_an_object_of_a_created_resource_names_the_look_up_that_has_found_it() -> None:
    assert new_sources({"zoneId": ZONES["dev"]}) == {"zoneId": [NOT_IN_STACK, 'getZone {"name": "dev"}']}


def test_a_change_of_an_output_names_its_sources() -> None:
    def changed(old: Any, new: Any) -> list[tuple[str, list[str]]]:
        changes = find_changes(reviewed(outputs=({"a": old}, {"a": new})))
        return [(item.path, item.sources) for change in changes for item in change.properties]

    assert changed("sg-private", "sg-web") == [("output a", [WEB, f"before: {PRIVATE}"])]
    assert changed("sg-private,sg-web", "sg-web,sg-private") == [
        ("output a", [WEB, PRIVATE, f"before: {PRIVATE}", f"before: {WEB}"])
    ]
    assert changed({"x": "sg-private", "y": 1}, {"x": "sg-web", "y": 1}) == [
        ("output a.x", [WEB, f"before: {PRIVATE}"])
    ]


def test_a_change_to_another_answer_names_both_look_ups() -> None:
    old, new = (resource(DATABASE, "db", {"zoneId": zone}) for zone in ZONES.values())
    step = Step("update", old, new, {"zoneId": "update"})
    [changed] = changed_properties(step, reviewed(step))
    assert changed.sources == ['getZone {"name": "stg"}', 'before: getZone {"name": "dev"}']


def test_each_of_many_sources_is_named() -> None:
    groups = [
        resource(GROUP, f"g{number}", {}, id=f"sg-{number:08}", outputs={"arn": f"arn:{number}"})
        for number in range(12)
    ]
    ids = [f"sg-{number:08}" for number in range(12)]
    names = [f"g{number} (aws:ec2:SecurityGroup)" for number in range(12)]
    lost = [f"before: {name}" for name in names[1:]]
    for old, new, expected in (([], ids, names), (ids, ids[:1], lost)):
        state = after(*groups) | {"propertyDependencies": {"groups": [group.urn for group in groups]}}
        before, now = (resource(DATABASE, "db", {"groups": ",".join(side)}, **state) for side in (old, new))
        step = Step("update", before, now, {"groups": "update"})
        members = [step, *(Step("same", group, group) for group in groups)]
        run = EngineRun(Path(), {member.resource.urn: member for member in members})
        renewed = {group.urn: {f"{group.state['id']}": ""} for group in groups}
        stack = Stack("dev", run, EngineRun(Path(), renewed=renewed), predicted=True)
        [changed] = changed_properties(step, stack)
        assert changed.sources == expected


def test_long_arguments_of_look_ups_are_whole() -> None:
    runs = [
        EngineRun(Path()).add(
            [{"lookup": "t", "args": {"name": "x" * 1000 + end}, "answer": [["id", digest(ZONES["dev"])]]}]
        )
        for end in ("a", "b")
    ]
    names = [find_lookups(ZONES["dev"], run) for run in runs]
    assert [name[-4:] for [name] in names] == ['xa"}', 'xb"}']
    assert all(len(name) > 1000 for [name] in names)
