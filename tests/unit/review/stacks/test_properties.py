"""Tests of a resource's changed properties, and of the settings that set their values."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from review.model import SourceLocation
from review.plain_data import PATH_STEP, value_at
from review.stacks.engine_run import EngineRun, Step
from review.stacks.plugin_files import RELEASE
from review.stacks.properties import (
    KNOWN_LATER,
    UNKNOWN_IN_BASE,
    changed_properties,
    deleted_properties,
    new_properties,
)
from review.stacks.resources import Resource
from review.stacks.stack import Stack
from review.stacks.stack_file import StackFile, read_stack_file
from review.stacks.value_parts import parse_json, split
from review.values.secret_marks import SecretMarks
from review.values.value_paths import Paths
from sandbox.summary import LATER, MASK
from sandbox.wire import sentinels
from tests.support.review.stacks import KEY, SECRET, VPC, resource, stack, urn
from tests.support.rows import each_row

NOWHERE = StackFile("Pulumi.dev.yaml", {}, {})


MAIN = Step("replace", resource(VPC, "main", id="vpc-old"), resource(VPC, "main", id="vpc-new"))
RENEWED = {"vpc-old": "vpc-new"}


def changes(
    old: dict[str, Any],
    new: dict[str, Any],
    *sources: Step,
    base_sources: tuple[Step, ...] | None = None,
    predicted: bool = False,
    kinds: Mapping[str, str] | None = None,
    renewed: Mapping[str, str] = RENEWED,
) -> list[tuple[Any, ...]]:
    """Return each change's path, values, mark of a forced replacement, and reason for folding.

    Every property of the head depends on the `sources`, and those of the base on `base_sources`, which are
    the same by default. The provider invented the texts in `renewed`, which a replacement would change so.
    """
    before, after = (
        {"propertyDependencies": {name: [source.resource.urn for source in side] for name in new}}
        for side in (sources if base_sources is None else base_sources, sources)
    )
    step = Step(
        "update",
        resource(KEY, "it", old, **before),
        resource(KEY, "it", new, **after),
        kinds or dict.fromkeys(new, "update"),
    )
    steps = {member.resource.urn: member for member in (step, *sources)}
    base = EngineRun(Path(), renewed={source.resource.urn: {**renewed} for source in sources})
    stack = Stack("dev", EngineRun(Path(), steps), base, predicted=predicted)
    return [
        (changed.path, changed.before, changed.after, changed.forces, changed.folded)
        for changed in changed_properties(step, stack)
    ]


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ({"a": 1}, {"a": 2}, [("a", "1", "2", False, "")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", "2", "3", False, "")]),
        ({"a": '{"b": [1]}'}, {"a": '{"b": [2]}'}, [("a › b[0]", "1", "2", False, "")]),
        (
            {"a": ["x", "y"]},
            {"a": ["y", "z", "w"]},
            [
                ("a[0 in the base]", "x", None, False, ""),
                ("a[1]", None, "z", False, ""),
                ("a[2]", None, "w", False, ""),
            ],
        ),
        (
            {"a": ["x", "y"]},
            {"a": ["y", "x", "z"]},
            [
                ("a[0]", None, "y", False, ""),
                ("a[2]", "y", "z", False, ""),
            ],
        ),
        (
            {"a": [1, "x"]},
            {"a": [True, "x", "y"]},
            [("a[0]", "1", "true", False, ""), ("a[2]", None, "y", False, "")],
        ),
        ({"a": {"b": 1}}, {"a": {"b": True}}, [("a.b", "1", "true", False, "")]),
        (
            {"a": '{"b": 1}'},
            {"a": '{"b": 2, "b": 1}'},
            [("a", '{"b": 1}', '{"b": 2, "b": 1}', False, "")],
        ),
        ({"a": {"b": False}}, {"a": {"b": "false"}}, [("a.b", "false", '"false"', False, "")]),
        ({"a": {"b": True}}, {"a": {"b": "false"}}, [("a.b", "true", '"false"', False, "")]),
        ({"a": {"b": "yes"}}, {"a": {"b": False}}, [("a.b", '"yes"', "false", False, "")]),
        ({"a": {"b": "yes"}}, {"a": {"b": "false"}}, [("a.b", "yes", "false", False, "")]),
        ({"a": {"b": "x"}}, {"a": {"b": []}}, [("a.b", '"x"', "[]", False, "")]),
        (
            {"a": {}},
            {"a": {"b": "[]", "c": []}},
            [("a.b", None, '"[]"', False, ""), ("a.c", None, "[]", False, "")],
        ),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": "null"}}, [("a.c", None, '"null"', False, "")]),
        ({"a": {"b": 1, "c": '"1"'}}, {"a": {"b": 1}}, [("a.c", '"\\"1\\""', None, False, "")]),
        ({"a": '{"b": 1}'}, {"a": {"b": 2}}, [("a", '"{\\"b\\": 1}"', '{"b": 2}', False, "")]),
        ({"a": "443"}, {"a": "8443"}, [("a", "443", "8443", False, "")]),
        ({"a": {"b": MASK}}, {"a": {"b": "1"}}, [("a.b", MASK, '"1" (not secret)', False, "")]),
        ({"a": "x\ny"}, {"a": "x\n443\ny"}, [("a › line 2", None, "443", False, "")]),
        ({"a": {"b": MASK}}, {"a": {"b": "x"}}, [("a.b", MASK, "x (not secret)", False, "")]),
        ({"a": "x"}, {"a": MASK}, [("a", "x (not secret)", MASK, False, "")]),
        ({"a": MASK}, {"a": sentinels.UNKNOWN}, [("a", MASK, LATER, False, KNOWN_LATER)]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}, [("a.c", None, "null", False, "")]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": None}}, [("a.b", '{"c": 1}', "null", False, "")]),
        ({"a": ["null", "x"]}, {"a": [None, "x"]}, [("a[0]", '"null"', "null", False, "")]),
        ({"a": [{"b": "null"}]}, {"a": [{"b": None}]}, [("a[0].b", '"null"', "null", False, "")]),
        ({"a": '{"b": null}'}, {"a": '{"b": "null"}'}, [("a › b", "null", '"null"', False, "")]),
        (
            {"a": "a {\n  deny\n}\nb {\n}"},
            {"a": "a {\n}\nb {\n  deny  # note\n}"},
            [
                ("a › line 2 of the base", "  deny", None, False, ""),
                ("a › line 4", None, "  deny  # note", False, ""),
            ],
        ),
        ({"a": {"b": "x\ny", "c": 1}}, {"a": {"b": "x\ny", "c": 2}}, [("a.c", "1", "2", False, "")]),
        (
            {"a": "x\ny\nz"},
            {"a": "y\nx\nz"},
            [("a › line 1", None, "y", False, ""), ("a › line 2 of the base", "y", None, False, "")],
        ),
        ({"a": "one\ntwo\n"}, {"a": "one\nthree\n"}, [("a › line 2", "two", "three", False, "")]),
        ({"a": "one:\n  two\n"}, {"a": "one:\ntwo\n"}, [("a › line 2", "  two", "two", False, "")]),
        ({"a": "if:\n  x"}, {"a": "if:\n  x\n    y"}, [("a › line 3", None, "    y", False, "")]),
        ({"a": "if:\n  x\n  y"}, {"a": "if:\n  x"}, [("a › line 3 of the base", "  y", None, False, "")]),
        ({"a": "one\n\t\n"}, {"a": "one\n  \n"}, [("a › line 2", "\t", "  ", False, "")]),
        ({"a": "one\ntwo"}, {"a": "one\n\ntwo"}, [("a › line 2", None, "\n", False, "")]),
        ({"a": "one\ntwo\n"}, {"a": "one\vtwo\n"}, [("a › line 1", "one\ntwo", "one\vtwo", False, "")]),
    ],
    ids=[
        "value",
        "object",
        "JSON",
        "list",
        "list in another order",
        "list of other types",
        "type",
        "JSON with a key twice",
        "string of the same text",
        "string in place of another boolean",
        "boolean in place of a string",
        "string of the same text in place of a string",
        "list in place of a string",
        "new list and the string of it",
        "new string of the text of null",
        "removed string of a number in quotes",
        "object in place of JSON",
        "strings of numbers",
        "number, no longer secret",
        "line of a number",
        "no longer secret",
        "now secret",
        "secret, now unknown",
        "null",
        "null in place of a map",
        "null in place of a text in a list",
        "null in place of a text",
        "text in place of null in JSON",
        "moved lines beside a new one",
        "unchanged text",
        "moved lines",
        "text",
        "indentation",
        "indentation of a new line",
        "indentation of a removed line",
        "lines of spaces only",
        "empty line",
        "not a line break",
    ],
)
def test_a_value_is_split_into_its_changed_parts(
    old: dict[str, Any], new: dict[str, Any], parts: list[tuple[Any, ...]]
) -> None:
    assert changes(old, new) == parts


FOLLOWS = "follows from main (aws:ec2:Vpc)"


def test_a_forced_replacement_is_marked_folded_or_not() -> None:
    kinds = {"a": "update-replace"}
    assert changes({"a": 1}, {"a": 2}, kinds=kinds) == [("a", "1", "2", True, "")]
    follows = changes({"a": "vpc-old"}, {"a": "vpc-new"}, MAIN, kinds=kinds)
    assert follows == [("a", "vpc-old", "vpc-new", True, f"forces the replacement, {FOLLOWS}")]


@each_row(
    ("old", "new", "folded"),
    [
        ("vpc-old", "vpc-new", FOLLOWS),
        ("arn/vpc-old/*", "arn/vpc-new/*", FOLLOWS),
        ("arn/vpc-old/*", "arn/vpc-new/* or *", ""),
        ("vpc-old", "0.0.0.0/0", ""),
        ("10.0.0.0/8", "vpc-new", ""),
        ("vpc-old", "vpc-old", ""),
        # Parts of words occur by chance.
        ("my-vpc-old", "my-vpc-new", ""),
        ("vpc-old_2", "vpc-new_2", ""),
    ],
)
def test_a_value_is_folded_if_it_changes_just_as_a_replaced_resource(old: str, new: str, folded: str) -> None:
    assert changes({"a": old}, {"a": new}, MAIN) == [("a", old, new, False, folded)]


@each_row(
    "renewed",
    [
        {},  # The program chose the ID, for example as the names of two inputs.
        {"vpc-old": "vpc-other"},  # It chose a part of it.
        {"vpc-other": "vpc-new"},
    ],
)
def test_a_change_that_a_program_can_choose_is_not_folded(renewed: dict[str, str]) -> None:
    [changed] = changes({"a": "vpc-old"}, {"a": "vpc-new"}, MAIN, renewed=renewed)
    assert (changed[2], changed[-1]) == ("vpc-new", "")


def test_a_value_does_not_follow_from_a_resource_from_which_it_did_not_come() -> None:
    [changed] = changes({"a": "vpc-old"}, {"a": "vpc-new"}, MAIN, base_sources=())
    assert (changed[2], changed[-1]) == ("vpc-new", "")


@each_row(("old", "new"), [("x", f"y {LATER}"), (["x"], ["y", LATER])])
def test_a_text_of_the_program_beside_an_unknown_value_is_not_folded(old: Any, new: Any) -> None:
    assert {row[-1] for row in changes({"a": old}, {"a": new}, MAIN)} == {""}


@pytest.mark.parametrize("key", ["é.b", 'a"b', "x › y", "x › line 1", "a.\\"])
def test_a_change_at_any_key_has_its_values(key: str) -> None:
    old, new = {"x": '{"y": 1}', "z": "a"}, {"x": '{"y": 2}', "z": "a", key: "new"}
    for kinds in ({"data": "update"}, {"other": "update"}):
        properties = changes({"data": old}, {"data": new}, kinds=kinds)
        values = {(before, after) for _, before, after, *_ in properties}
        assert {("1", "2"), (None, "new")} <= values


def test_a_key_with_a_backslash_is_not_taken_for_another_key() -> None:
    key = "\\u0061"  # Without escapes, it would be the key `a`.
    old, new = {"a": "same", key: "old"}, {"a": "same", key: "new"}
    properties = changes({"data": old}, {"data": new}, kinds={f'data["{key}"]': "update"})
    assert [(before, after) for _, before, after, *_ in properties] == [("old", "new")]


@pytest.mark.parametrize("word", [MASK, LATER])
def test_escapes_in_json_do_not_spell_a_word_of_the_report(word: str) -> None:
    text = json.dumps({"a": word}).replace("[", "\\u005b")
    [(path, _, after, *_)] = changes({"p": '{"a": "x"}'}, {"p": text})
    assert (path, after) == ("p › a", word.replace("]", "\u200b]"))


@pytest.mark.parametrize("text", ['{"a": ["\\ud800"]}', '{"\\udfff": 1}'])
def test_json_with_half_a_character_is_shown_as_text(text: str) -> None:
    assert changes({"p": "{}"}, {"p": text})[0][:3:2] == ("p", text)
    whole = '{"a": "\\ud83d\\ude00"}'
    assert parse_json(whole) == {"a": "😀"}


def test_a_text_of_many_brackets_is_no_json() -> None:
    old, new = ("[" * 100_000 + end for end in "ab")
    assert [row[:3] for row in changes({"a": old}, {"a": new})] == [("a", old, new)]


def test_a_property_with_a_dot_in_its_name_is_shown_beside_a_nested_one() -> None:
    properties = changes({"a": {"b": 1}, "a.b": 1}, {"a": {"b": 2}, "a.b": 3}, kinds={"a.b": "update"})
    assert {path: (before, after) for path, before, after, *_ in properties} == {
        "a.b": ("1", "2"),
        '["a.b"]': ("1", "3"),
    }


def test_a_shown_value_names_the_changed_resource_from_which_it_comes() -> None:
    nat = Step("create", None, resource(VPC, "second", id="vpc-second"))
    dependent = {"propertyDependencies": {"a": [nat.resource.urn]}}
    step = Step(
        "update", resource(KEY, "it", {"a": "x"}), resource(KEY, "it", {"a": "vpc-second"}, **dependent)
    )
    steps = {member.resource.urn: member for member in (step, nat)}
    [changed] = changed_properties(step, Stack("dev", EngineRun(Path(), steps)))
    assert (changed.folded, changed.sources) == ("", ["second (aws:ec2:Vpc)"])


def test_an_unknown_value_is_folded_only_in_a_real_preview_and_with_the_same_sources() -> None:
    old, new = {"a": "vpc-old"}, {"a": sentinels.UNKNOWN}
    assert [row[-1] for row in changes(old, new, MAIN)] == [FOLLOWS]
    assert [row[-1] for row in changes(old, new)] == [KNOWN_LATER]
    assert [row[-1] for row in changes(old, new, MAIN, base_sources=())] == [""]
    assert [row[-1] for row in changes(old, new, MAIN, predicted=True)] == [""]
    assert [row[-1] for row in changes(old, new, predicted=True)] == [""]


def test_options_that_change_are_shown() -> None:
    old = resource(KEY, "it", protect=True, ignoreChanges=["a"], provider="urn:pulumi:dev::pipe::x::east::1")
    new = resource(KEY, "it", retainOnDelete=True, provider="urn:pulumi:dev::pipe::x::west::2")
    step = Step("update", old, new)
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step}))
    assert [(changed.path, changed.before, changed.after) for changed in changed_properties(step, stack)] == [
        ("option ignoreChanges", '["a"]', None),
        ("option protect", "true", None),
        ("option provider", "x::east", "x::west"),
        ("option retainOnDelete", None, "true"),
    ]


def test_a_type_that_changes_is_shown() -> None:
    step = Step("update", resource(VPC, "it"), resource(KEY, "it"))
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step}))
    [changed] = changed_properties(step, stack)
    assert (changed.path, changed.before, changed.after) == ("type", VPC, KEY)


def test_a_replaced_provider_explains_the_replacement_of_its_resources() -> None:
    kind, used = "pulumi:providers:kubernetes", {"provider": f"{urn('pulumi:providers:kubernetes', 'c')}::1"}
    provider = Step("replace", resource(kind, "c"), resource(kind, "c"))
    step = Step("replace", resource(KEY, "it", **used), resource(KEY, "it", **used), {}, ("provider",))
    steps = {member.resource.urn: member for member in (step, provider)}
    [changed] = changed_properties(step, Stack("dev", EngineRun(Path(), steps)))
    reason = "forces the replacement, follows from c (pulumi:providers:kubernetes)"
    assert (changed.path, changed.before, changed.folded) == ("option provider", f"{kind}::c", reason)


AWS = "pulumi:providers:aws"


def provider_lines(old: Resource, new: Resource) -> list[tuple[str, str | None]]:
    """Return what decides the places of a new provider, and of a new key of it, if the base has a key."""
    before, after = (
        resource(KEY, name, provider=f"{used.urn}::1") for name, used in (("old", old), ("new", new))
    )
    steps = [Step("create", None, item) for item in (new, after)]
    all_steps = [*steps, Step("same", old, old), Step("same", before, before)]
    head = Stack("dev", EngineRun(Path(), {step.resource.urn: step for step in all_steps}))
    listed = [new_properties(step, head) for step in steps]
    return [(item.path, item.after) for items in listed for item in items if item.always_shown]


def test_the_settings_of_a_new_provider_and_its_new_resources_are_marked() -> None:
    old = resource(AWS, "default_1", {"region": "x", "version": "1"})
    settings = {"region": "x", "profile": "other", "__internal": {"envVarMappings": {"A": "B"}}}
    assert provider_lines(old, resource(AWS, "east", settings, additionalSecretOutputs=["token"])) == [
        ("region", "x"),
        ("profile", "other"),
        ("__internal.envVarMappings.A", "B"),
        ("option provider", f"{AWS}::east"),
    ]


def test_the_source_of_a_new_release_is_marked() -> None:
    repository = {"repo": "https://charts.example.com"}
    inputs = {"chart": "agent", "version": "1.0.0", "repositoryOpts": repository, "values": {"a": "1"}}
    step = Step("create", None, resource(RELEASE, "it", inputs))
    properties = new_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert ("values.a", '"1"') in [(item.path, item.after) for item in properties]
    assert [(item.path, item.after) for item in properties if item.always_shown] == [
        ("chart", "agent"),
        ("version", "1.0.0"),
        ("repositoryOpts.repo", "https://charts.example.com"),
    ]


def test_a_default_provider_of_another_version_is_no_other_provider() -> None:
    old = resource(AWS, "default_1", {"region": "x", "version": "1"})
    newer = resource(AWS, "default_2", {"region": "x", "version": "2"})
    assert provider_lines(old, newer) == [("region", "x"), ("version", "2")]


def test_a_provider_with_a_secret_is_another_provider() -> None:
    secret = {"token": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "x"}}
    lines = provider_lines(resource(AWS, "a", secret), resource(AWS, "b", secret))
    assert lines == [("token", "[secret]"), ("option provider", f"{AWS}::b")]


def test_the_options_that_decide_about_the_object_of_a_deleted_resource_are_listed() -> None:
    state = {"protect": True, "deletedWith": "urn:x", "ignoreChanges": ["days"]}
    step = Step("delete", resource(KEY, "it", {"days": 7}, **state), None)
    assert [(old.path, old.before, old.after) for old in deleted_properties(step)] == [
        ("option protect", "true", None),
        ("option deletedWith", "urn:x", None),
    ]
    assert deleted_properties(Step("delete", resource(KEY, "it", {"days": 7}), None)) == []


def test_all_inputs_and_options_of_a_created_resource_are_listed() -> None:
    inputs = {"rules": [{"cidr": "0.0.0.0/0"}], "tags": {"a.b": "c"}, "empty": {}, "__defaults": ["x"]}
    step = Step("create", None, resource(KEY, "it", inputs, protect=True))
    properties = new_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert [(new.path, new.before, new.after) for new in properties] == [
        ("rules[0].cidr", None, "0.0.0.0/0"),
        ("empty", None, "{}"),
        ("option protect", None, "true"),
        ('tags["a.b"]', None, "c"),
    ]


def test_only_the_notes_of_providers_are_left_out() -> None:
    old, new = ({"__rules": [cidr], "__defaults": [cidr]} for cidr in ("10.0.0.0/8", "0.0.0.0/0"))
    shown = changes(old, new, kinds={"__rules[0]": "update"})
    assert [change[:3] for change in shown] == [("__rules[0]", "10.0.0.0/8", "0.0.0.0/0")]
    step = Step("create", None, resource(KEY, "it", new))
    properties = new_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert [(new.path, new.after) for new in properties] == [("__rules[0]", "0.0.0.0/0")]


def test_short_objects_of_a_created_resource_are_one_property() -> None:
    rule, long = {"port": 22, "cidr": "0.0.0.0/0"}, {"name": "x" * 400, "port": 22}
    step = Step("create", None, resource(KEY, "it", {"rule": rule, "rules": [long, rule]}))
    properties = new_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert [(new.path, new.after) for new in properties] == [
        ("rule", '{"port": 22, "cidr": "0.0.0.0/0"}'),
        ("rules[0].name", "x" * 400),
        ("rules[0].port", "22"),
        ("rules[1]", '{"port": 22, "cidr": "0.0.0.0/0"}'),
    ]


def test_nulls_of_a_created_resource_are_listed() -> None:
    values = {"agents": {"securityContext": None}, "registry": "gcr.io/datadoghq", "tolerations": [None]}
    step = Step("create", None, resource(RELEASE, "agent", {"values": values, "name": "agent"}))
    shown = {item.path: item.after for item in new_properties(step, stack(step))}
    assert json.loads(shown["values"] or "") == values
    step = Step("create", None, resource(RELEASE, "agent", {"values": {"agents": {"securityContext": None}}}))
    assert [(item.path, item.after) for item in new_properties(step, stack(step))] == [
        ("values.agents.securityContext", "null")
    ]


def test_a_key_with_a_mark_of_a_secret_hides_no_other_member() -> None:
    members = {MASK: "import os", SecretMarks().mask("a"): "shown"}
    step = Step("create", None, resource(RELEASE, "agent", {"values": members}))
    [new] = new_properties(step, stack(step))
    assert json.loads(new.after or "") == members
    assert changes({"values": {}}, {"values": {"added": members}})[0][2] == new.after


def test_an_input_with_the_name_of_an_option_is_shown_beside_it() -> None:
    inputs = {"option protect": {"a": 1}, "option retainOnDelete": "true", "type": "x", "a-b": [2]}
    step = Step("create", None, resource(KEY, "it", inputs, protect=True))
    assert {(new.path, new.after) for new in new_properties(step, stack(step))} == {
        ('["option protect"].a', "1"),
        ('["option retainOnDelete"]', '"true"'),
        ('["a-b"][0]', "2"),
        ("type", "x"),
        ("option protect", "true"),
    }


def test_a_policy_in_an_input_with_any_name_has_principals() -> None:
    policy = json.dumps({"Statement": [{"Principal": "*", "Action": "x" * 500}]})
    step = Step("create", None, resource(KEY, "it", {"my policy.json": policy}))
    [principal] = [new for new in new_properties(step, stack(step)) if new.after == "*"]
    assert principal.path == '["my policy.json"] › Statement[0].Principal'


@each_row(
    ("kind", "old", "new"),
    [
        ("aws:iam/role:Role", {"assumeRolePolicy": "[]"}, {"assumeRolePolicy": '[{"Principal": "*"}]'}),
        ("aws:iam/role:Role", {"p": {"Statement": []}}, {"p": {"Statement": [{"Action": "*"}]}}),
        ("aws:ec2/securityGroup:SecurityGroup", {}, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]}),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "a"}, {"bucket": "b"}),
        ("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding", {}, {"subjects": [{"name": "ci"}]}),
        ("pulumi:providers:aws", {"region": "a"}, {"region": "b"}),
    ],
)
def test_a_change_that_may_give_access_is_marked(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    before, now = (resource(kind, "x", side | {"tags": {"a": tag}}) for side, tag in ((old, "1"), (new, "2")))
    step = Step("update", before, now, dict.fromkeys(new, "update"))
    changed = {item.path: item.always_shown for item in changed_properties(step, stack(step))}
    assert changed.pop("tags.a") == kind.startswith("pulumi:") and {*changed.values()} == {True}


def test_a_long_document_of_a_created_resource_is_shown_in_parts() -> None:
    statements = [{"Sid": "x" * 300, "Effect": "Deny"}, {"Effect": "Allow", "Action": "s3:*"}]
    policy = "\n" + json.dumps({"Statement": statements, "Version": "2012-10-17"}, indent=2)
    step = Step("create", None, resource(KEY, "it", {"policy": policy}))
    properties = new_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert ("policy › Statement[1]", '{"Effect": "Allow", "Action": "s3:*"}') in [
        (new.path, new.after) for new in properties
    ]


def test_only_another_provider_than_the_default_one_is_an_option_of_a_created_resource() -> None:
    parent = {"parent": "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"}
    for name, own, expected in (
        ("default_7_51_1", {}, []),
        ("default", {}, []),
        ("east", parent, [f"{AWS}::east"]),
        ("default-east", parent, [f"{AWS}::default-east"]),
        ("default_east", parent, [f"{AWS}::default_east"]),
    ):
        provider = Step("same", None, resource(AWS, name, **own))
        step = Step("create", None, resource(KEY, "it", provider=f"{provider.resource.urn}::1"))
        run = EngineRun(Path(), {item.resource.urn: item for item in (provider, step)})
        assert [new.after for new in new_properties(step, Stack("dev", run))] == expected


@each_row(
    ("path", "old", "new", "folded"),
    [
        ("checksum", "0123abcd" * 4, "4567cdef" * 4, ""),
        ('metadata.annotations["checksum/config"]', "0123abcd", "4567cdef", "checksums"),
        ('data["checksum/config"]', "0123abcd", "4567cdef", ""),
        ('spec.annotations["checksum/config"]', "0123abcd", "4567cdef", ""),
        ('metadata.annotations["checksum/config"]', "0123abcd" * 4, "4567cdef" * 8, ""),
        ('metadata.annotations["checksum/config"]', "0123abcd", "not a hash", ""),
        ("sourceCodeHash", "0123abcd" * 8, "4567cdef" * 8, ""),
        ("values.sidecar.sha", "0123abcd" * 8, "4567cdef" * 8, ""),
    ],
)
def test_only_checksums_are_folded_as_checksums(path: str, old: str, new: str, folded: str) -> None:
    sides = (_nested(path, old), _nested(path, new))
    assert changes(*sides, kinds={path: "update"}) == [(path, old, new, False, folded)]


@each_row(
    ("field", "text", "folded"),
    [
        ("metadata.name", "", "checksums"),
        ("metadata.annotations['checksum/config']", "", ""),
        ("metadata.annotations", "", ""),
        (LATER, "", ""),
        (MASK, "", ""),
        ("spec.nodeName", "kubectl get pod -o jsonpath='{.metadata.annotations}'", ""),
    ],
)
def test_a_checksum_that_a_container_may_read_is_shown(field: str, text: str, folded: str) -> None:
    """The downward API gives annotations to a container, so the value may be an account or a key."""
    reference: dict[str, Any] = {"fieldRef": {"fieldPath": field}}
    reader = Step(
        "same", None, resource(KEY, "reader", {"env": [{"name": "ID", "valueFrom": reference}], "text": text})
    )
    path = 'metadata.annotations["checksum/config"]'
    old, new = (_nested(path, side) for side in ("0123abcd", "4567cdef"))
    [[*_, reason]] = changes(old, new, reader, kinds={path: "update"})
    assert reason == folded


def _nested(path: str, value: str) -> dict[str, Any]:
    """Return inputs with a value at a path."""
    tree: Any = value
    for key, _, name in reversed(PATH_STEP.findall(path)):
        tree = {key or name: tree}
    return tree


def test_a_new_order_is_folded_in_sets_only() -> None:
    for name in ("subnetIds", "cidrBlocks"):
        kinds = {f"{name}[0]": "update", f"{name}[1]": "update"}
        assert changes({name: ["x", "y"]}, {name: ["y", "x"]}, kinds=kinds) == [
            (f"{name} › order", '["x", "y"]', '["y", "x"]', False, "order only")
        ]
    for name in ("args", "searches", "envFrom", "Action"):
        kinds = {f"{name}[0]": "update"}
        expected = [(f"{name} › order", '["x", "y"]', '["y", "x"]', False, "")]
        assert changes({name: ["x", "y"]}, {name: ["y", "x"]}, kinds=kinds) == expected


@pytest.mark.parametrize(
    ("path", "value"), [("a.b[1]", 3), ('a["c.d"]', 4), ("a.b[7]", None), ("a.x.y", None)]
)
def test_a_path_of_the_engine_names_a_value(path: str, value: int | None) -> None:
    assert value_at({"a": {"b": [2, 3], "c.d": 4}}, path) == value


def replaced(diff: dict[str, str], forced_by: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return path and reason for folding of the changes of a replaced workload with a new image and scale."""
    old, new = (
        resource(
            KEY,
            "it",
            {
                "spec": {"replicas": count, "image": image, "cluster": cluster},
                "metadata": {"annotations": {"a.b/c": image}, "labels": {"app": "api"}},
                "__defaults": [image],
            },
        )
        for count, image, cluster in ((3, "one", "c1"), (2, "two", sentinels.UNKNOWN))
    )
    step = Step("replace", old, new, diff, forced_by)
    stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step}))
    return [(changed.path, changed.folded) for changed in changed_properties(step, stack)]


EVERYTHING = ["spec.replicas", "spec.image", "spec.cluster", 'metadata.annotations["a.b/c"]']


@pytest.mark.parametrize(
    ("diff", "forced_by"),
    [
        ({}, ()),
        ({}, ("provider",)),
        ({"spec.cluster": "update-replace"}, ("spec.cluster",)),
        ({'metadata.annotations["a.b/c"]': "update"}, ()),
        (dict.fromkeys(EVERYTHING, "update"), ()),
    ],
    ids=["nothing named", "provider", "one named", "quoted path", "all named"],
)
def test_a_replacement_names_every_change_whatever_the_engine_names(
    diff: dict[str, str], forced_by: tuple[str, ...]
) -> None:
    paths = [path for path, _ in replaced(diff, forced_by) if path != "option provider"]
    assert sorted(paths) == sorted(EVERYTHING)


def test_values_that_are_known_later_are_folded_unless_they_force_a_replacement() -> None:
    later = sentinels.UNKNOWN
    assert changes({"a": "x"}, {"a": later}) == [("a", "x", LATER, False, "known after up")]
    assert changes({"a": "x"}, {"a": later}, kinds={"a": "update-replace"}) == [("a", "x", LATER, True, "")]
    assert changes({}, {"a": later}) == [("a", None, LATER, False, "")]


@each_row(
    ("before", "after", "predicted", "reason"),
    [
        (["data"], ["stringData"], False, "content unknown: data and stringData are two forms of it"),
        (["data"], ["stringData"], True, ""),  # The review's providers convert every known value.
        (["data"], [], False, ""),
        ([], ["stringData"], False, ""),
        (["data"], ["data", "stringData"], False, ""),
    ],
)
def test_the_two_forms_of_a_secrets_content_are_folded(
    before: list[str], after: list[str], predicted: bool, reason: str
) -> None:
    old, new = (resource(SECRET, "it", dict.fromkeys(forms, MASK)) for forms in (before, after))
    stack = Stack("dev", EngineRun(Path()), predicted=predicted)
    changed = {change.path: change.folded for change in changed_properties(Step("update", old, new), stack)}
    assert changed == dict.fromkeys({*before} ^ {*after}, reason)


def test_the_two_forms_of_a_long_content_are_folded_too() -> None:
    content = {f"key-{number}": MASK for number in range(40)}
    old, new = (resource(SECRET, "it", {form: content}) for form in ("data", "stringData"))
    changed = changed_properties(Step("update", old, new), Stack("dev", EngineRun(Path())))
    assert {change.folded for change in changed} == {
        "content unknown: data and stringData are two forms of it"
    }


def test_a_change_of_content_is_shown_although_its_form_changes_too() -> None:
    old = {"same": "YQ==", "changed": "YQ==", "hidden": MASK, "removed": MASK, "plain": MASK}
    new = {"same": "a", "changed": "b", "hidden": MASK, "added": MASK, "plain": "c"}
    before, after = resource(SECRET, "it", {"data": old}), resource(SECRET, "it", {"stringData": new})
    step = Step("update", before, after)
    changed = changed_properties(step, Stack("dev", EngineRun(Path())))
    moved = "stringData.{0}, which was data.{0}"
    assert {change.path: (change.before, change.after, change.folded) for change in changed} == {
        moved.format("changed"): ("a", "b", ""),
        moved.format("hidden"): (MASK, MASK, "content unknown: data and stringData are two forms of it"),
        moved.format("plain"): (MASK, "c (not secret)", ""),
        "data": ('{"removed": "[secret]"}', None, ""),
        "stringData": (None, '{"added": "[secret]"}', ""),
    }
    known = {"stringData": new | {"added": "d"}}
    step = Step("update", resource(SECRET, "it", {"data": MASK}), resource(SECRET, "it", known))
    changed = changed_properties(step, Stack("dev", EngineRun(Path())))
    assert changed and not any(change.folded for change in changed)


def test_the_items_of_a_longer_list_that_the_engine_names_are_not_named_twice() -> None:
    assert changes({"a": ["x"]}, {"a": ["x", "y"]}, kinds={"a[1]": "add"}) == [("a[1]", None, "y", False, "")]


def named(value: str, *names: str) -> dict[str, Any]:
    """Return inputs with a list of objects with these names."""
    return {"list": [{"name": name, "value": value} for name in names]}


def test_positions_that_other_items_take_are_no_changes_of_these_items() -> None:
    kinds = {"list[0].name": "update", "list[1].name": "update", "list[2]": "add"}
    old, new = named("1", "a", "b"), named("1", "c", "a", "b")
    added = json.dumps({"name": "c", "value": "1"})
    assert changes(old, new, kinds=kinds) == [('list["c"] (before "a")', None, added, False, "")]


@each_row(
    ("kinds", "forced"),
    [
        ({"list[0].name": "update-replace"}, ['list["c"] (before "a")']),
        ({"list[1].name": "update-replace", "list[2].value": "update"}, []),
        ({"list[2].value": "update-replace"}, ['list["b"].value']),
        ({"list": "update-replace"}, ['list["c"] (before "a")', 'list["b"].value']),
    ],
)
def test_a_replacement_is_forced_by_the_items_that_the_engine_names(
    kinds: dict[str, str], forced: list[str]
) -> None:
    old, new = named("1", "a", "b"), named("1", "c", "a", "b")
    new["list"][2]["value"] = "2"
    paths = [path for path, _, _, forces, _ in changes(old, new, kinds=kinds) if forces]
    assert paths == (forced or ['list["c"] (before "a")', 'list["b"].value'])


def test_a_secret_that_the_engine_names_is_shown_if_its_item_stays() -> None:
    old, new = named(MASK, "a", "b"), named(MASK, "a", "b", "c")
    shown = changes(old, new, kinds={"list[0].value": "update", "list[2]": "add"})
    assert [row[:3] for row in shown] == [
        ('list["c"]', None, json.dumps({"name": "c", "value": MASK})),
        ('list["a"].value', MASK, MASK),
    ]


def test_a_secret_in_a_moved_item_is_shown_unless_it_is_known_to_be_the_same() -> None:
    def shown(*values: str) -> list[str]:
        old, new = resource(KEY, "it", named(MASK, "a", "b")), resource(KEY, "it", named(MASK, "b"))
        if values:
            old.values, new.values = named(values[0], "a", "b"), named(values[1], "b")
        step = Step("update", old, new, {"list[0].name": "update", "list[1]": "delete"})
        stack = Stack("dev", EngineRun(Path(), {step.resource.urn: step}))
        return [changed.path for changed in changed_properties(step, stack)]

    assert shown() == shown("one", "two") == ['list["a"]', 'list["b"].value']
    assert shown("one", "one") == ['list["a"]']


def test_a_path_that_the_engine_writes_ambiguously_adds_no_empty_line() -> None:
    key = 'a"b'
    for kinds in ({f'data["{key}"]': "add"}, {}):
        [row] = changes({"data": {"x": "1"}}, {"data": {"x": "1", key: "2"}}, kinds=kinds)
        assert row[:3] == ('data["a\\"b"]', None, '"2"')


def test_other_json_of_the_same_document_is_shown_as_text() -> None:
    old, new = '{"a": 1, "b": 2}', '{"b": 2, "a": 1}'
    assert [row[:3] for row in changes({"p": [{"x": old}]}, {"p": [{"x": new}]})] == [("p[0].x", old, new)]


ROUTES = '{"routes": {"/": "public", "/admin": "deny"}, "v": 1}'


@each_row(
    ("before", "after", "expected"),
    [
        (
            ROUTES,
            '{"routes": {"/admin": "deny", "/": "public"}, "v": 2}',
            [
                ("p › routes › [order of keys]", '"/", "/admin"', '"/admin", "/"'),
                ("p › v", "1", "2"),
            ],
        ),
        (
            ROUTES,
            ROUTES.replace('{"/"', '{"/x": "deny", "/"'),
            [('p › routes./x (before "/")', None, "deny")],
        ),
        (ROUTES, ROUTES.replace('"}', '", "/x": "deny"}'), [("p › routes./x", None, "deny")]),
        (
            '{"a": 1, "b": 2}',
            '{"b": 2, "a": 3}',
            [("p › [order of keys]", '"a", "b"', '"b", "a"'), ("p › a", "1", "3")],
        ),
        (
            '[{"a": 1, "b": 2}]',
            '[{"b": 2, "a": 1}, 2]',
            [("p › [0] › [order of keys]", '"a", "b"', '"b", "a"'), ("p › [1]", None, "2")],
        ),
    ],
)
def test_the_order_of_keys_in_a_text_is_shown(
    before: str, after: str, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert [row[:3] for row in changes({"p": before}, {"p": after})] == expected


def test_the_order_of_keys_outside_of_texts_and_in_policies_is_no_change() -> None:
    old, new = {"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1, "d": 3}}
    assert [row[:3] for row in changes({"p": old}, {"p": new})] == [("p.a.d", None, "3")]
    texts = [
        json.dumps(document)
        for document in (
            {"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow"}]},
            {"Statement": [{"Effect": "Deny", "Sid": "A"}], "Version": "2012-10-17"},
        )
    ]
    [part] = split(Paths.of("policy", "aws:iam/policy:Policy"), *texts)
    assert part.path == 'policy › Statement["A"].Effect'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1e400", "5e999"),
        ("10000000000000000001.0", "10000000000000000000.0"),
        ("0", "-0"),
        ("NaN", "Infinity"),
    ],
)
def test_numbers_that_readers_may_take_for_others_are_shown_as_text(old: str, new: str) -> None:
    texts = [f'{{"limit": {limit}, "v": {v}}}' for limit, v in ((old, 1), (new, 2))]
    assert [row[:3] for row in changes({"p": texts[0]}, {"p": texts[1]})] == [("p", *texts)]


BASE = {"pipe:database.class": ("small", 4), "pipe:api.days": ("30", 6), "pipe:proxy.days": ("30", 8)}
HEAD = BASE | {"pipe:database.class": ("large", 4)}


@pytest.mark.parametrize(
    ("path", "values", "component", "key"),
    [
        ("instanceClass", ("small", "large"), "database", ("pipe:database.class", 4, "changed alike")),
        (
            "identifier",
            ("pipe-small-1", "pipe-large-1"),
            "database",
            ("pipe:database.class", 4, "changed alike"),
        ),
        ("days", ("10", "30"), "api", ("pipe:api.days", 6, "same name and value")),
        ("days", ("10", "30"), "", None),
        ("size", ("tiny", "large"), "", ("pipe:database.class", 4, "the only such value")),
        ("size", ("tiny", "huge"), "", None),
    ],
    ids=["changed alike", "part of a value", "by the topic", "of two", "the only one", "nowhere"],
)
def test_a_value_comes_from_the_key_that_identifies_it(
    path: str, values: tuple[str, str], component: str, key: tuple[str, int, str] | None
) -> None:
    expected = SourceLocation("Pulumi.dev.yaml", key[1], "sets", key[0], key[2]) if key else None
    assert StackFile("Pulumi.dev.yaml", BASE, HEAD).find_setting(path, *values, component) == expected


@pytest.mark.parametrize(
    "value", ["0.0.0.0/0", "::/0", "true", "False", "null", "ENABLED", "1", "3600", "99.9"]
)
def test_a_common_value_does_not_identify_a_setting(value: str) -> None:
    settings = {"pipe:a.b": (value, 4)}
    file = StackFile("Pulumi.dev.yaml", settings, settings)
    assert file.find_setting("x", None, value, "") is None
    assert file.find_setting("x.b", None, value, "") is not None


def test_a_setting_with_the_text_of_a_mask_explains_no_secret() -> None:
    def found(before: str | None, after: str, old: str | None, new: str) -> str:
        base = {"pipe:a": (before, 4)} if before else {}
        location = StackFile("f", base, {"pipe:a": (after, 4)}).find_setting("x", old, new, "")
        return location.key if location else ""

    assert found(None, MASK, None, MASK) == found(MASK, MASK, "x", MASK) == ""
    assert found(MASK, "other", MASK, "other") == "pipe:a"
    assert found(MASK, "other value", f"x {MASK}", "x other value") == ""
    assert found("secret", "known", MASK, "[known]") == found("known", "secret", "[known]", MASK) == ""
    assert found("\0", "\0", "x", MASK) == ""
    assert found("host-a", "host-b", f"host-a {MASK} (secret)", f"host-b {MASK} (secret)") == "pipe:a"


def test_a_stack_file_has_its_path_in_the_tree(tmp_path: Path) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree, days in zip(trees, (1, 2), strict=True):
        (tree / "foundation").mkdir(parents=True)
        (tree / "foundation" / "Pulumi.dev.yaml").write_text(f"config:\n  pipe:days: {days}\n")
    file = read_stack_file("foundation/dev", *((tree, tree / "foundation") for tree in trees))
    assert file.name == "foundation/Pulumi.dev.yaml"
    assert (file.base, file.head) == ({"pipe:days": ("1", 2)}, {"pipe:days": ("2", 2)})
    deleted = read_stack_file("foundation/dev", (trees[0], trees[0] / "foundation"), (trees[1], None))
    assert (deleted.name, deleted.head) == ("foundation/Pulumi.dev.yaml", {})


def test_an_update_that_names_no_difference_is_of_a_secret() -> None:
    inputs = {"a": 1, "key": MASK}
    step = Step("update", resource(KEY, "it", inputs), resource(KEY, "it", inputs))
    [changed] = changed_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert (changed.path, changed.before, changed.after) == ("key", MASK, MASK)


def test_a_secret_input_of_a_component_may_change_with_another_input() -> None:
    old, new = (resource("x:y:Z", "it", {"a": number, "key": MASK}, custom=False) for number in (1, 2))
    step = Step("update", old, new)
    changed = changed_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert [(item.path, item.before, item.after) for item in changed] == [
        ("a", "1", "2"),
        ("key", MASK, f"{MASK}, which may be another one"),
    ]
    reviewed = Stack("dev", EngineRun(Path(), {step.resource.urn: step}), predicted=True)
    assert [item.path for item in changed_properties(step, reviewed)] == ["a"]


@pytest.mark.parametrize("op", ["same", "read"])
def test_another_dependency_of_an_unchanged_or_read_resource_is_a_change(op: str) -> None:
    sources = [Step("same", resource(VPC, name), resource(VPC, name)) for name in ("gate", "main")]
    old, new = (resource(KEY, "it", {"a": 1}, dependencies=[source.resource.urn]) for source in sources)
    step = Step(op, old, new)
    head = EngineRun(Path(), {item.resource.urn: item for item in (step, *sources)})
    stack = Stack("dev", head, EngineRun(Path()), predicted=True)
    assert [item.op for item in stack.changed] == ["update"]


def test_a_preview_that_masks_a_map_tells_which_of_its_members_are_new_or_gone() -> None:
    inputs = {"data": MASK}
    diff = {"data.a": "add-replace", "data.b": "delete-replace", "data.c": "update-replace"}
    step = Step("replace", resource(SECRET, "it", inputs), resource(SECRET, "it", inputs), diff=diff)
    changed = changed_properties(step, Stack("dev", EngineRun(Path(), {step.resource.urn: step})))
    assert [(item.path, item.before, item.after) for item in changed] == [
        ("data.a", None, MASK),
        ("data.b", MASK, None),
        ("data.c", MASK, MASK),
    ]


def test_a_text_that_stays_follows_from_nothing() -> None:
    new = Step("create", None, resource(VPC, "main", id="false"))
    assert changes({"a": False}, {"a": "false"}, new) == [("a", "false", '"false"', False, "")]


def test_a_value_that_is_unknown_in_a_preview_of_the_base_too_is_folded() -> None:
    def reason(control: Any) -> str:
        old, new = (resource(VPC, "it", {"a": value}) for value in ("x", sentinels.UNKNOWN))
        step = Step("update", old, new)
        previewed = {new.urn: Step("update", old, resource(VPC, "it", {"a": control}))}
        head = EngineRun(Path(), {new.urn: step})
        reviewed = Stack("dev", head, predicted=True, control=EngineRun(Path(), previewed))
        [change] = changed_properties(step, reviewed)
        return change.folded

    assert reason(sentinels.UNKNOWN) == UNKNOWN_IN_BASE
    assert not reason("x")
