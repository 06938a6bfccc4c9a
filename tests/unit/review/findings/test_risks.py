"""Tests of the risks of replacements and deletions: causes, dependents and lost data."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from policies.rules.aws.deletion_protection import STATEFUL
from review.findings.risks import find_possibly_deleted, find_risk
from review.stacks.engine_run import Step
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile
from sandbox.stateful import FACTS
from sandbox.wire import sentinels
from tests.support.review.stacks import FUNCTION, JOB, KEY, SECRET, SUBNET, VPC, after, resource, stack
from tests.support.rows import each_row

OLD = resource(VPC, "main", {"cidrBlock": "10.0.0.0/16"}, id="vpc-1234")
NEW = resource(VPC, "main", {"cidrBlock": "10.1.0.0/16"})
REPLACED = Step("replace", OLD, NEW, {"cidrBlock": "update-replace"}, ("cidrBlock",))


def step(op: str, sides: Iterable[Resource], path: str) -> Step:
    """Return a step that changes one property."""
    old, new = sides
    replaces = op == "replace"
    return Step(op, old, new, {path: "update-replace" if replaces else "update"}, (path,) * replaces)


def risk_lines(change: Step, changed: Stack) -> list[str]:
    """Return the lines of a change's risk; an empty list without a risk."""
    risk = find_risk(change, changed)
    return risk.message.splitlines() if risk else []


def test_the_dependents_of_a_deleted_resource_are_those_of_the_base() -> None:
    deleted = resource(KEY, "disk")
    old, new = resource(JOB, "it", {"key": "a"}, **after(deleted)), resource(JOB, "it", {"key": "b"})
    last = resource(SECRET, "result", **after(new))
    steps = Step("delete", deleted, None), step("update", (old, new), "key"), Step("same", last, last)
    assert risk_lines(steps[0], stack(*steps)) == [
        "Because: disk (aws:kms:Key) is no longer declared",
        "Depends on it: it (kubernetes:batch:Job), result (kubernetes:core:Secret)",
        "Data: Everything that it encrypts becomes unreadable when its waiting period ends.",
    ]


def test_renamed_dependents_are_named_as_in_the_head() -> None:
    role, renamed = resource(KEY, "disk"), resource(KEY, "volume")
    old, new = resource(JOB, "it", {"key": "a"}, **after(role)), resource(JOB, "task", {"key": "a"})
    last = resource(SECRET, "result", **after(old)), resource(SECRET, "result")
    kept = Step("update", old, new), Step("same", *last)
    for first in (Step("delete", role, None), Step("replace", role, role), Step("replace", role, renamed)):
        finding = find_risk(first, stack(first, *kept))
        dependents = ["result (kubernetes:core:Secret)", "task (kubernetes:batch:Job)"]
        assert finding and finding.dependents == dependents


def test_a_replacement_by_a_setting_names_no_updated_dependency() -> None:
    labels = [
        resource(SECRET, "roles", {"labels": team}, outputs={"labels": team}) for team in ("core", "edge")
    ]
    old, new = (resource(JOB, "it", {"labels": team}, **after(labels=labels[0])) for team in ("core", "edge"))
    steps = step("replace", (old, new), "labels"), step("update", labels, "labels")
    file = StackFile("Pulumi.dev.yaml", {"pipe:team": ("core", 3)}, {"pipe:team": ("edge", 3)})
    assert risk_lines(steps[0], stack(*steps, file=file)) == [
        "Because: it (kubernetes:batch:Job) is replaced: labels core → edge",
        "Depends on it: nothing",
    ]


def test_a_replacement_names_the_update_that_causes_it() -> None:
    sums = [resource(SECRET, "roles", {"data": data}, outputs={"sum": data}) for data in ("aaaa", "bbbb")]
    old, new = (resource(JOB, "it", {"sum": data}, **after(sum=sums[0])) for data in ("aaaa", "bbbb"))
    steps = step("replace", (old, new), "sum"), step("update", sums, "data")
    assert risk_lines(steps[0], stack(*steps)) == [
        "Because: it (kubernetes:batch:Job) is replaced: sum aaaa → bbbb ← "
        "roles (kubernetes:core:Secret) is updated: data aaaa → bbbb",
        "Set by: unknown, because no value identifies a settings key",
        "Depends on it: nothing",
    ]


def test_a_replacement_that_follows_another_is_no_risk_of_its_own() -> None:
    old = resource(SUBNET, "public", {"vpcId": "vpc-1234"}, **after(vpcId=OLD))
    new = resource(SUBNET, "public", {"vpcId": sentinels.UNKNOWN}, **after(vpcId=OLD))
    follows = step("replace", (old, new), "vpcId")
    assert risk_lines(follows, stack(follows, REPLACED)) == []
    assert risk_lines(REPLACED, stack(follows, REPLACED))[::2] == [
        "Because: main (aws:ec2:Vpc) is replaced: cidrBlock 10.0.0.0/16 → 10.1.0.0/16",
        "Depends on it: public (aws:ec2:Subnet)",
    ]


SUBNETS = [
    resource(SUBNET, "a-subnet", {"vpcId": vpc}, id="subnet-1", outputs={"vpcId": vpc})
    for vpc in ("vpc-1234", "?")
]


@each_row(
    ("path", "sources"),
    [
        ("vpcConfig.vpcId", ["main"]),
        ("vpcConfig.subnets[0]", ["a-subnet"]),
        ("vpcConfig.zone", ["main", "a-subnet"]),
    ],
)
def test_a_value_comes_from_the_resource_that_it_matches(path: str, sources: list[str]) -> None:
    state: dict[str, Any] = {
        "dependencies": [],
        "propertyDependencies": {"vpcConfig": [OLD.urn, SUBNETS[0].urn]},
    }
    before = {"vpcId": "vpc-1234", "subnets": ["subnet-1"], "zone": "x"}
    later = {"vpcId": sentinels.UNKNOWN, "subnets": [sentinels.UNKNOWN], "zone": sentinels.UNKNOWN}
    sides = (resource(FUNCTION, "it", {"vpcConfig": config}, **state) for config in (before, later))
    update = step("update", sides, path)
    subnet = step("replace", SUBNETS, "vpcId")
    steps = stack(update, REPLACED, subnet).value_sources(update, path, path)
    assert sorted(source.resource.name for source in steps) == sorted(sources)


def test_a_known_value_that_matches_no_resource_comes_from_none() -> None:
    old, new = (resource(SUBNET, "public", {"zone": zone}, **after(zone=OLD)) for zone in ("a", "b"))
    update = step("update", (old, new), "zone")
    assert stack(update, REPLACED).value_sources(update, "zone", "zone") == []


def test_every_type_that_the_policies_protect_is_known_to_hold_data() -> None:
    assert {*STATEFUL} <= {*FACTS["types"]}


@pytest.mark.parametrize("kind", FACTS["types"])
@each_row("op", ["delete", "replace"])
def test_the_loss_of_data_blocks(kind: str, op: str) -> None:
    old = resource(kind, "it", {"name": "a"})
    change = Step(op, old, resource(kind, "it", {"name": "b"}) if op == "replace" else None)
    risk = find_risk(change, stack(change))
    policy = {"delete": "stateful-deleted", "replace": "stateful-replaced"}[op]
    assert risk and (risk.policy, risk.blocks) == (policy, True)
    assert risk.message.splitlines()[-1] == f"Data: {FACTS['types'][kind]}"


@each_row("rule", FACTS["when"], ids=lambda rule: f"{rule['type']}.{rule['property']}")
def test_a_property_may_change_the_fate_of_the_data(rule: dict[str, str]) -> None:
    deletion = Step("delete", resource(rule["type"], "it", {rule["property"]: True}), None)
    risk = find_risk(deletion, stack(deletion))
    message = rule["message"].format(loss=FACTS["types"][rule["type"]])
    assert risk and risk.message.splitlines()[-1] == f"Data: {message}"


def test_data_that_a_type_holds_only_with_a_property_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"type": VPC, "property": "holdsData", "message": "Its data is lost: holdsData is on."}
    monkeypatch.setitem(FACTS, "when", [rule])
    deletions = [Step("delete", resource(VPC, "it", {"holdsData": value}), None) for value in (True, False)]
    with_data, without = (find_risk(deletion, stack(deletion)) for deletion in deletions)
    assert with_data and without
    assert (with_data.policy, with_data.level, with_data.blocks) == ("stateful-deleted", "mandatory", True)
    assert with_data.message.splitlines()[-1] == "Data: Its data is lost: holdsData is on."
    assert (without.policy, without.level, without.blocks) == ("deleted", "advisory", False)


def rename_hint(deleted: Resource, *created: Resource) -> str:
    """Return the first line of a deletion's risk next to created resources."""
    deletion = Step("delete", deleted, None)
    return risk_lines(deletion, stack(deletion, *(Step("create", None, new) for new in created)))[0]


def test_the_new_resource_with_the_most_equal_inputs_looks_renamed() -> None:
    inputs = {"a": 1, "b": 2, "c": 3, "name": "old"}
    near = resource(VPC, "near", inputs | {"name": "near"})
    same = resource(VPC, "same", inputs)
    far = resource(VPC, "far", inputs | {"a": 0, "name": "far"})
    old = resource(VPC, "old", inputs)
    hint = "and {} is new and similar: is this a rename without an alias?"
    assert rename_hint(old, far, near, same).endswith(hint.format("same"))
    assert rename_hint(old, far, near).endswith(hint.format("near"))
    assert rename_hint(old, far) == "Because: old (aws:ec2:Vpc) is no longer declared"


def test_resources_without_inputs_do_not_look_renamed() -> None:
    cause = rename_hint(resource(VPC, "old"), resource(VPC, "new"))
    assert cause == "Because: old (aws:ec2:Vpc) is no longer declared"


def test_a_provider_that_is_gone_is_no_risk_and_its_new_settings_are_a_change() -> None:
    kind, address = "pulumi:providers:datadog", "https://theirs.example"
    gone = Step("delete", resource(kind, "gone"), None)
    old, new = resource(kind, "own"), resource(kind, "own", {"apiUrl": address})
    changed = Step("update", old, new, {"apiUrl": "add"})
    changed_stack = stack(gone, changed)
    assert find_risk(gone, changed_stack) is None
    assert changed_stack.changed == [gone, changed]


def test_resources_depend_on_the_cluster_of_their_provider() -> None:
    cluster = resource(VPC, "cluster")
    provider = resource("pulumi:providers:kubernetes", "k", **after(kubeconfig=cluster))
    job = resource(JOB, "it", provider=f"{provider.urn}::1")
    reviewed = stack(*(Step("same", member, member) for member in (cluster, provider, job)))
    assert {dependent.name for dependent in reviewed.dependents(cluster.urn)} == {"k", "it"}


def test_a_resource_that_is_only_read_may_be_deleted() -> None:
    database = "aws:rds/instance:Instance"
    change = Step("delete", resource(database, "it"), resource(database, "it", external=True))
    risk = find_risk(change, stack(change))
    assert risk and risk.blocks
    assert "it (aws:rds:Instance) is only read (get)" in risk.message


def test_a_resource_that_becomes_a_component_is_deleted() -> None:
    database = "aws:rds/instance:Instance"
    change = Step("delete", resource(database, "it"), resource(database, "it", custom=False))
    risk = find_risk(change, stack(change))
    assert risk and risk.blocks
    assert "it (aws:rds:Instance) becomes a component, which no provider creates" in risk.message


def test_a_name_with_line_breaks_adds_no_line_to_a_message() -> None:
    forged = "new\nData: Pulumi leaves the resource in place (retainOnDelete), so nothing is lost."
    old, new = (resource(KEY, name, {"days": 7}) for name in ("old", forged))
    deletion = Step("delete", old, None)
    risk = find_risk(deletion, stack(deletion, Step("create", None, new)))
    assert risk and [line.partition(":")[0] for line in risk.message.splitlines()] == [
        "Because",
        "Depends on it",
        "Data",
    ]
    assert "new ⏎ Data" in risk.message


ROLE, ENTRY = "aws:iam/role:Role", "aws:eks/accessEntry:AccessEntry"


def test_an_object_that_stays_and_breaks_a_policy_blocks() -> None:
    group = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    deletion = Step("delete", resource(group, "it"), None)
    risk = find_risk(deletion, stack(deletion), {"security-group-ssh-open-to-world"})
    assert (
        risk
        and risk.blocks
        and risk.message.splitlines()[-1]
        == (
            "Object: it stays as it is, because the provider only forgets resources of this type. "
            "It may still break security-group-ssh-open-to-world."
        )
    )
    gone = Step("delete", resource(VPC, "it"), None)
    assert (risk := find_risk(gone, stack(gone), {"a-policy"})) and not risk.blocks


def test_an_update_of_a_type_without_a_row_may_be_a_replacement() -> None:
    def risk_of(kind: str, path: str = "charset") -> Any:
        change = step("update", [resource(kind, "it", {path: text}) for text in "ab"], path)
        reviewed = stack(change)
        reviewed.predicted = True
        return find_risk(change, reviewed)

    balancer = "aws:lb/loadBalancer:LoadBalancer"
    risk = risk_of(balancer)
    assert (risk.policy, risk.blocks, risk.level) == ("possibly-replaced", False, "advisory")
    assert risk.message.splitlines() == [
        "Because: it (aws:lb:LoadBalancer) is updated: charset a → b",
        "Replacement: possible, since no table in sandbox/providers describes this type",
        "Depends on it: nothing",
    ]
    assert risk_of(balancer, "tags") is risk_of(VPC) is risk_of(JOB) is None


def test_a_possible_replacement_blocks_if_it_could_replace_data() -> None:
    pair = "aws:ec2/keyPair:KeyPair"
    old, new = (resource(pair, "it", {"publicKey": key}) for key in "ab")
    change = step("update", (old, new), "publicKey")
    profile = resource("aws:iot/certificate:Certificate", "between", **after(csr=old))
    disk, tagged, read = (
        resource("aws:ec2/instance:Instance", name, **fields, **after(**sources))
        for name, fields, sources in (
            ("disk", {}, {"keyName": profile}),
            ("tagged", {}, {"tags": old}),
            ("read", {"external": True}, {"keyName": old}),
        )
    )

    def risk_with(*others: Resource) -> Any:
        reviewed = stack(change, *(Step("same", other, other) for other in others))
        reviewed.predicted = True
        return find_risk(change, reviewed)

    risk = risk_with(profile, tagged, read)
    assert (risk.blocks, risk.level) == (False, "advisory")
    risk = risk_with(profile, disk, tagged)
    assert (risk.blocks, risk.level) == (True, "mandatory")
    assert risk.message.splitlines()[-1] == (
        "Data: a replacement could replace disk (aws:ec2:Instance), too, without the data"
    )


PAIR, LOGS = "aws:ec2/keyPair:KeyPair", "aws:cloudwatch/logGroup:LogGroup"
MARK = step("update", [resource(PAIR, "mark", {"publicKey": key}) for key in "ab"], "publicKey")


def possibly_replaced(*steps: Step) -> tuple[str, str, bool]:
    """Return the last two lines about a possible replacement of MARK, and whether it blocks."""
    reviewed = stack(MARK, *steps)
    reviewed.predicted = True
    risk = find_risk(MARK, reviewed)
    assert risk and risk.policy == "possibly-replaced"
    first, second = risk.message.splitlines()[-2:]
    return first, second, risk.blocks


@pytest.mark.parametrize(
    "option",
    [{"replaceWith": [MARK.resource.urn]}, {"deletedWith": MARK.resource.urn}],
    ids=["with", "deleted"],
)
def test_a_possible_replacement_blocks_if_an_option_replaces_data_with_it(option: dict[str, Any]) -> None:
    plain, bound = resource(LOGS, "logs"), resource(LOGS, "logs", **option)
    expected = (
        "Depends on it: logs (aws:cloudwatch:LogGroup)",
        "Data: a replacement could replace logs (aws:cloudwatch:LogGroup), too, without the data",
        True,
    )
    for sides in ((plain, bound), (bound, plain), (bound, bound)):
        assert possibly_replaced(Step("update", *sides)) == expected


def test_a_possible_replacement_of_a_renamed_resource_blocks_by_both_names() -> None:
    old, new = resource(PAIR, "mark", {"publicKey": "a"}), resource(PAIR, "sign", {"publicKey": "b"})
    renamed = step("update", (old, new), "publicKey")
    for urn in (old.urn, new.urn):
        logs = resource(LOGS, "logs", replaceWith=[urn])
        reviewed = stack(renamed, Step("same", logs, logs))
        reviewed.predicted = True
        assert (risk := find_risk(renamed, reviewed)) and risk.blocks


@pytest.mark.parametrize("between", [after(keyName=MARK.resource), {"replaceWith": [MARK.resource.urn]}])
@pytest.mark.parametrize("custom", [True, False])
def test_a_possible_replacement_spreads_by_inputs_and_options(
    between: dict[str, Any], *, custom: bool
) -> None:
    middle = resource("aws:iot/thing:Thing", "middle", **between, custom=custom)
    logs = resource(LOGS, "logs", replaceWith=[middle.urn])
    *_, blocks = possibly_replaced(Step("same", middle, middle), Step("same", logs, logs))
    assert blocks


def test_a_possible_replacement_changes_new_inputs_and_triggers() -> None:
    plain = resource(LOGS, "logs", {"name": "a"})
    named = resource(LOGS, "logs", {"name": "a"}, **after(name=MARK.resource))
    triggered = resource(LOGS, "logs", {"name": "a"}, replacementTrigger="1")
    for sides in ((plain, named), (triggered, triggered), (plain, triggered)):
        assert possibly_replaced(Step("update", *sides))[2]
    assert possibly_replaced(Step("same", plain, plain)) == (
        "Replacement: possible, since no table in sandbox/providers describes this type",
        "Depends on it: nothing",
        False,
    )


def test_data_whose_object_goes_with_a_deleted_one_blocks() -> None:
    group, between = resource(VPC, "main"), resource(SUBNET, "a", deletedWith=OLD.urn)
    table = resource(TABLE, "table", deletedWith=between.urn)
    others = Step("same", between, between), Step("update", table, resource(TABLE, "table"))
    deletion = Step("delete", group, None)
    for change in (deletion, REPLACED):
        risk = find_risk(change, stack(change, *others))
        assert risk and risk.blocks and risk.policy == f"stateful-{change.op}d"
        assert risk.message.splitlines()[-2:] == [
            "Depends on it: a (aws:ec2:Subnet), table (aws:dynamodb:Table)",
            "Data: with it goes table (aws:dynamodb:Table), as the option deletedWith says",
        ]
    for state in ({"retainOnDelete": True}, {"custom": False}):
        kept = Step("delete", resource(VPC, "main", **state), None)
        assert (risk := find_risk(kept, stack(kept, *others))) and not risk.blocks


def test_the_cause_of_a_replacement_may_be_the_option_for_another_one() -> None:
    bound = resource(TABLE, "table", replaceWith=[OLD.urn])
    follows = Step("replace", bound, bound, forced_by=("replaceWith",))
    assert risk_lines(follows, stack(follows, REPLACED))[0] == (
        "Because: table (aws:dynamodb:Table) is replaced: replaceWith ← "
        "main (aws:ec2:Vpc) is replaced: cidrBlock 10.0.0.0/16 → 10.1.0.0/16"
    )


def test_the_cause_of_a_replacement_may_be_its_trigger() -> None:
    def lines(before: Any, after: Any) -> list[str]:
        old, new = (resource(TABLE, "it", replacementTrigger=side) for side in (before, after))
        change = Step("replace", old, new)
        return risk_lines(change, stack(change))

    start = "Because: it (aws:dynamodb:Table) is replaced: "
    assert lines(True, 1)[0] == f"{start}option replacementTrigger true → 1"
    assert lines(None, "a")[0] == f"{start}option replacementTrigger"
    assert lines("a", "a")[0] == f"{start}something it depends on is replaced"


def left_object(old: Resource, *others: Step, op: str = "delete") -> list[str]:
    """Return what the risk of a resource says about its object."""
    change = Step(op, old, resource(old.type, old.name, {"name": "b"}) if op == "replace" else None)
    lines = risk_lines(change, stack(change, *others))
    return [line.removeprefix("Object: it ") for line in lines if line.startswith("Object")]


@each_row("op", ["delete", "replace"])
def test_an_object_that_pulumi_only_forgets_is_named(op: str) -> None:
    kept = resource(ENTRY, "it", retainOnDelete=True)
    assert left_object(kept, op=op) == ["stays, because Pulumi only forgets it (retainOnDelete)."]
    assert left_object(resource(ENTRY, "it"), op=op) == []
    # The resource is replaced or deleted together with another one.
    group = resource("pipe:a:Group", "group", custom=False)
    part = resource(ENTRY, "it", retainOnDelete=True, parent=group.urn)
    assert left_object(part, Step("delete", group, None), op=op)


@each_row("op", ["delete", "replace"])
def test_retained_data_blocks_only_if_the_program_gets_a_new_object_without_it(op: str) -> None:
    kept = resource(KEY, "it", retainOnDelete=True)
    change = Step(op, kept, resource(KEY, "it", {"multiRegion": True}) if op == "replace" else None)
    risk = find_risk(change, stack(change))
    assert risk and (risk.blocks, risk.level) == (
        (op == "replace"),
        "mandatory" if risk.blocks else "advisory",
    )
    assert ("the program uses the new one without it" in risk.message) == (op == "replace")


def test_retained_data_blocks_if_a_resource_of_its_kind_is_new() -> None:
    deletion = Step("delete", resource(KEY, "old", {"description": "a"}, retainOnDelete=True), None)
    other = resource(KEY, "other")
    others = Step("create", None, resource(VPC, "main")), Step("same", other, other)
    risk = find_risk(deletion, stack(deletion, *others))
    assert risk and not risk.blocks
    new = resource(KEY, "new", {"description": "b"})
    for replacement in (Step("create", None, new), Step("replace", new, new)):
        risk = find_risk(deletion, stack(deletion, *others, replacement))
        assert risk and risk.blocks
    assert risk and risk.message.splitlines()[-1] == (
        "Data: It stays in the old resource (retainOnDelete), but the program may use new (aws:kms:Key) "
        "without it."
    )


def test_an_object_that_pulumi_leaves_to_another_deletion_is_named() -> None:
    role = resource(ROLE, "role")
    entry = resource(ENTRY, "it", deletedWith=role.urn)
    expected = (
        "stays unless it vanishes with role (aws:iam:Role), because Pulumi deletes only the latter "
        "(deletedWith)."
    )
    assert left_object(entry, Step("delete", role, None)) == [expected]
    assert left_object(entry, Step("replace", role, role)) == [expected]
    # Pulumi deletes the entry itself.
    for kept in (Step("same", role, role), Step("delete", role, resource(ROLE, "role", external=True))):
        assert left_object(entry, kept) == []
    assert left_object(entry) == []
    retained = resource(ROLE, "role", retainOnDelete=True)
    [line] = left_object(entry, Step("delete", retained, None))
    assert "neither it (deletedWith) nor role (aws:iam:Role) (retainOnDelete)" in line


def test_data_that_vanishes_with_another_resource_blocks() -> None:
    role = resource(ROLE, "role")
    database = resource("aws:rds/instance:Instance", "it", deletedWith=role.urn)
    change = Step("delete", database, None)
    risk = find_risk(change, stack(change, Step("delete", role, None)))
    assert risk and risk.blocks
    assert [line.partition(":")[0] for line in risk.message.splitlines()][-2:] == ["Object", "Data"]


@pytest.mark.parametrize(
    ("protect", "fate"),
    [
        (True, "`pulumi up` fails until the protection is removed."),
        (False, "`pulumi up` replaces the resource."),
    ],
)
def test_a_replacement_needs_no_protection_of_the_old_resource_only(protect: bool, fate: str) -> None:
    old, new = (resource(KEY, "disk", protect=protects) for protects in (True, protect))
    finding = find_risk(step := Step("replace", old, new), stack(step))
    assert finding and finding.message.endswith(fate)


TABLE = "aws:dynamodb/table:Table"
FIRST = Step("replace", OLD, NEW, {"cidrBlock": "update-replace"}, ("cidrBlock",), deleted_first=True)


def possibly_deleted(*steps: Step, deletions: Mapping[str, int] | None = None) -> dict[str, str]:
    """Return the first line of each finding about a possible deletion, by the resource's name."""
    changed = stack(*steps)
    assert changed.head
    changed.head.deletions.update(deletions or {})
    findings = [finding for _, finding in find_possibly_deleted(changed)]
    assert all(finding.blocks and finding.policy == "possibly-deleted" for finding in findings)
    return {finding.name: finding.message.splitlines()[0] for finding in findings}


def test_a_resource_that_gives_up_its_dependency_on_a_replaced_one_may_be_deleted() -> None:
    subnet = resource(SUBNET, "a", **after(vpcId=OLD))
    table = resource(TABLE, "table", **after(name=subnet))
    kept = [Step("same", subnet, resource(SUBNET, "a")), Step("update", table, resource(TABLE, "table"))]
    cause = "main (aws:ec2:Vpc) is replaced, and the engine may delete"
    assert possibly_deleted(FIRST, *kept) == {
        "a": f"Because: {cause} a (aws:ec2:Subnet) with it: time decides",
        "table": f"Because: {cause} table (aws:dynamodb:Table) with it: time decides",
    }
    # A replacement is created first, or nothing is replaced.
    assert possibly_deleted(REPLACED, *kept) == possibly_deleted(*kept) == {}


@pytest.mark.parametrize(
    ("options", "inputs", "name", "is_found"),
    [
        (after(vpcId=OLD), {}, "b", True),
        ({"replaceWith": [OLD.urn]}, {}, "b", True),
        (after(vpcId=OLD), after(vpcId=NEW), "b", False),
        (after(vpcId=OLD), {}, "a", False),
        ({}, {}, "b", False),
    ],
    ids=["renamed", "renamed, by an option", "ordered", "same name", "by itself"],
)
def test_a_renamed_resource_that_is_replaced_with_another_one_may_be_deleted(
    options: dict[str, Any], inputs: dict[str, Any], name: str, is_found: bool
) -> None:
    old, new = resource(SUBNET, "a", **options), resource(SUBNET, name, **inputs)
    change = Step("replace", old, new, deleted_first=True)
    assert [*possibly_deleted(FIRST, change, deletions={old.urn: 1})] == [name] * is_found


def test_what_depends_on_a_renamed_resource_is_found_although_its_old_object_is_deleted() -> None:
    former, renamed = resource(SUBNET, "a"), resource(SUBNET, "b")
    table = resource(TABLE, "table", **after(name=renamed))
    deletion = Step("delete", former, None, is_pending=True)
    changed = stack(Step("update", former, renamed), Step("create", None, table), deletion)
    assert changed.head_urn(former.urn) == renamed.urn
    assert [dependent.name for dependent in changed.dependents(changed.head_urn(former.urn))] == ["table"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("kubernetes:core/v1:ConfigMap", "data"),
        (SECRET, "stringData"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "referencedSecurityGroupId"),
        ("aws:eks/cluster:Cluster", "encryptionConfig"),
        ("aws:lb/targetGroup:TargetGroup", "vpcId"),
        ("gcp:compute/network:Network", "name"),
    ],
)
def test_whatever_a_provider_may_replace_is_deleted_with_a_replaced_resource(kind: str, name: str) -> None:
    """A type without a row may be replaced for any input, since nobody has described it."""
    between = resource(kind, "between", **after(**{name: OLD}))
    table = resource(TABLE, "table", **after(name=between))
    kept = [Step("same", old, resource(old.type, old.name)) for old in (between, table)]
    assert [*possibly_deleted(FIRST, *kept)] == ["between", "table"]
    tagged = resource(kind, "between", **after(tags=OLD))
    assert possibly_deleted(FIRST, Step("same", tagged, resource(kind, "between"))) == {}


def test_a_provider_of_a_kept_resource_may_be_deleted_with_it() -> None:
    provider = resource("pulumi:providers:aws", "east")
    replaced = Step("replace", provider, provider, deleted_first=True)
    table = resource(TABLE, "table", provider=f"{provider.urn}::1")
    assert list(possibly_deleted(replaced, Step("same", table, resource(TABLE, "table")))) == ["table"]


@pytest.mark.parametrize("type_", ["pulumi:providers:aws", "pipe:old:Access"])
def test_a_provider_that_becomes_a_component_may_take_its_resources_along(type_: str) -> None:
    """The engine replaces it, although the report calls this a deletion."""
    provider = resource("pulumi:providers:aws", "east")
    component = resource(type_, "east", custom=False)
    table = resource(TABLE, "table", provider=f"{provider.urn}::1")
    kept = Step("update", table, resource(TABLE, "table"))
    gone = Step("delete", provider, component, deleted_first=True, is_replaced=True)
    assert list(possibly_deleted(gone, kept)) == ["table"]
    assert possibly_deleted(Step("delete", provider, None), kept) == {}


def test_a_resource_that_is_replaced_with_one_that_is_given_up_may_be_deleted() -> None:
    given_up = Step("delete", OLD, resource(VPC, "main", external=True), is_replaced=True)
    bound = resource(TABLE, "table", replaceWith=[OLD.urn])
    assert list(possibly_deleted(given_up, Step("same", bound, bound))) == ["table"]
    [(_, finding)] = find_possibly_deleted(stack(given_up, Step("same", bound, bound)))
    advice = "Instead: set no replace_with of table (aws:dynamodb:Table), or change them in two pull requests"
    assert advice in finding.message.splitlines()


def test_what_is_replaced_with_a_possibly_deleted_resource_may_be_deleted() -> None:
    subnet = resource(SUBNET, "a", **after(vpcId=OLD))
    table = resource(TABLE, "table", replaceWith=[subnet.urn])
    kept = Step("same", subnet, resource(SUBNET, "a")), Step("same", table, table)
    assert list(possibly_deleted(FIRST, *kept)) == ["a", "table"]


@pytest.mark.parametrize(
    "state",
    [
        after(OLD),
        after(tags=OLD),
        after(name=OLD) | {"ignoreChanges": ["name"]},
        after(name=OLD) | {"external": True},
        after(name=OLD) | {"custom": False},
    ],
)
def test_a_dependent_that_no_input_replaces_stays(state: dict[str, Any]) -> None:
    table = resource(TABLE, "table", **state)
    assert possibly_deleted(FIRST, Step("same", table, resource(TABLE, "table"))) == {}


@pytest.mark.parametrize("state", [after(name=OLD), {"provider": f"{OLD.urn}::1"}], ids=["input", "provider"])
def test_a_dependent_for_which_the_program_waits_has_its_outcome_in_the_plan(state: dict[str, Any]) -> None:
    table = resource(TABLE, "table", **state)
    assert possibly_deleted(FIRST, Step("update", table, resource(TABLE, "table", **state))) == {}


@pytest.mark.parametrize(
    ("path", "deleted"),
    [("tags", True), ("tags.vpc", True), ("tagsAll", True), ("*", True), ("", True), ("billingMode", False)],
)
def test_an_input_of_replace_on_changes_replaces_a_dependent(path: str, *, deleted: bool) -> None:
    inputs = {"tags": {"vpc": "vpc-1234"}, "billingMode": "PROVISIONED"}
    table = resource(TABLE, "table", inputs, **after(tags=OLD), replaceOnChanges=[path])
    kept = Step("update", table, resource(TABLE, "table", inputs))
    assert list(possibly_deleted(FIRST, kept)) == ["table"] * deleted


@pytest.mark.parametrize("op", ["replace", "delete"])
def test_a_resource_whose_deletion_the_plan_shows_is_no_possible_deletion(op: str) -> None:
    table = resource(TABLE, "table", **after(name=OLD))
    assert possibly_deleted(FIRST, Step(op, table, table)) == {}


def test_a_resource_that_is_replaced_with_another_one_but_stays_may_be_deleted() -> None:
    plain, bound = resource(TABLE, "table"), resource(TABLE, "table", replaceWith=[OLD.urn])
    for sides in ((plain, bound), (bound, plain)):
        assert list(possibly_deleted(REPLACED, Step("update", *sides))) == ["table"]
        assert possibly_deleted(Step("same", OLD, NEW), Step("update", *sides)) == {}


def test_a_resource_that_the_engine_deletes_and_does_not_create_again_blocks() -> None:
    table = resource(TABLE, "table")
    deletions = {table.urn: 0}
    kept = Step("same", table, table)
    assert list(possibly_deleted(FIRST, kept, deletions=deletions)) == ["table"]
    assert possibly_deleted(FIRST, Step("replace", table, table), deletions=deletions) == {}
