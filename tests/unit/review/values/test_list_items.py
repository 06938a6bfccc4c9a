"""Tests of which items of two lists are the same, and of what a report calls them."""

import itertools
import json
import random
from typing import Any

from review.plain_data import NULL, as_texts, mark_nulls
from review.stacks.value_parts import split
from review.values.list_items import pair_items
from review.values.value_paths import Paths, locate, value_at_common
from sandbox.summary import LATER, MASK
from tests.support.review.stacks import KEY, VPC
from tests.support.rows import each_row

A, B, C = ({"name": name, "value": value} for name, value in (("A", "1"), ("B", "2"), ("C", "3")))


def parts(before: Any, after: Any, name: str = "env", kind: str = VPC) -> list[tuple[str, Any, Any]]:
    """Return the path and the values of each difference between two lists of a resource of this type."""
    sides = mark_nulls(before), mark_nulls(after)
    return [(part.path, part.before, part.after) for part in split(Paths.of(name, kind), *sides)]


@each_row(
    ("before", "after", "expected"),
    [
        ([A, B], [A, B | {"value": "4"}], [('env["B"].value', "2", "4")]),
        ([A, B], [A, C, B], [('env["C"] (before "B")', None, C)]),
        ([A, B], [A, B, C], [('env["C"]', None, C)]),
        ([A, {"value": "2"}], [A, C, {"value": "2"}], [('env["C"] (before 2)', None, C)]),
        ([A, {"value": "2"}], [A, {"value": "2"}, C], [('env["C"]', None, C)]),
        ([A, {"value": "2"}, B], [A, C, {"value": "2"}, B], [('env["C"] (before 2)', None, C)]),
        ([A, B, C], [B, C | {"value": "4"}], [('env["A"]', A, None), ('env["C"].value', "3", "4")]),
        ([A, B, C], [B, A, C], [("env › order", '"A", "B", "C"', '"B", "A", "C"')]),
        ([A, B], [A, B | {"name": "C"}], [('env["C"].name', "B", "C")]),
        ([A], [A | {"name": "B"}], [("env[0].name", "A", "B")]),
        ([{}, {"value": "1"}, B], [{}, A, B], [("env[1 in the base].name", None, "A")]),
        ([{"value": "1"}, {}, B], [A, {}, B], [("env[0 in the base].name", None, "A")]),
    ],
)
def test_objects_with_the_same_identifier_are_one_item(
    before: list[Any], after: list[Any], expected: list[tuple[str, Any, Any]]
) -> None:
    assert parts(before, after) == expected


FORCED, OTHER = ({"name": "rds.force_ssl", "value": value} for value in ("1", "0"))


def test_items_that_share_an_identifier_are_told_apart() -> None:
    first = 'parameters["rds.force_ssl" 1 of 2]'
    assert parts([A, FORCED], [OTHER, A, FORCED], "parameters") == [(f'{first} (before "A")', None, OTHER)]
    removed = 'parameters["rds.force_ssl" 1 of 2 in the base]'
    assert parts([OTHER, A, FORCED], [A, FORCED], "parameters") == [(removed, OTHER, None)]
    paths = [path for path, *_ in parts([FORCED, OTHER], [OTHER, OTHER | {"value": "2"}], "parameters")]
    assert paths == ['parameters["rds.force_ssl" 1 of 2 in the base]', 'parameters["rds.force_ssl" 2 of 2]']
    assert parts([FORCED], [OTHER, FORCED], "parameters") == [(first, None, OTHER)]


def test_different_changes_of_a_list_are_shown_as_different_ones() -> None:
    items = [{"name": name, **({"value": "1"} if has_value else {})} for name in "AB" for has_value in (0, 1)]
    lists = [
        [*chosen]
        for length in range(3)
        for chosen in itertools.product([*items, {"name": "C"}, {"value": "1"}], repeat=length)
    ]
    for before in lists:
        shown = {f"{parts(before, after)}" for after in lists}
        assert len(shown) == len(lists), before


def test_a_renamed_item_among_others_of_its_name_is_shown_whole() -> None:
    deployers = [{"name": "deployer", "namespace": namespace} for namespace in ("sandbox", "prod")]
    [removed, added] = parts(deployers, [deployers[0], deployers[1] | {"name": "x"}], "subjects")
    assert removed == ('subjects["deployer" 2 of 2 in the base]', deployers[1], None)
    assert added == ('subjects["x"]', None, {"name": "x", "namespace": "prod"})


@each_row(
    ("before", "after", "paths"),
    [
        # Items without an identifier have their positions, those of removed items in the base.
        ([{"x": 1}, {"x": 2}], [{"x": 2}], ["rules[0 in the base]"]),
        ([{"x": 1}, {"x": 2}], [{"x": 0}, {"x": 1}, {"x": 2}], ["rules[0]"]),
        ([{"x": 1, "y": 1}], [{"x": 1, "y": 2}], ["rules[0].y"]),
        ([A, {"x": 1}], [A, {"x": 2}], ["rules[1].x"]),
        # Numbers identify as well, unless another member tells more of the items apart.
        ([{"port": 80}, {"port": 443}], [{"port": 22}, {"port": 443}], ['rules["22"].port']),
        (
            [{"name": "a", "port": 1, "x": 1}, {"name": "a", "port": 2}],
            [{"name": "a", "port": 1, "x": 2}, {"name": "a", "port": 2}],
            ['rules["1"].x'],
        ),
        ([{"name": True, "x": 1}], [{"name": True, "x": 2}], ["rules[0].x"]),
        ([{"name": LATER, "x": 1}], [{"name": LATER, "x": 2}], ["rules[0].x"]),
        ([{"name": 'a"] › b', "x": 1}], [{"name": 'a"] › b', "x": 2}], [r'rules["a\"] \u203a b"].x']),
        # An item in place of null, and null in place of an item.
        ([None], ["x"], ["rules[0]"]),
        (["x"], ["x", None], ["rules[1]"]),
        ([[1], [2]], [[1], [3]], ["rules[1][0]"]),
        ([{"x": 1}], ["x"], ["rules[0]"]),
    ],
)
def test_every_item_has_a_name_or_a_position(before: list[Any], after: list[Any], paths: list[str]) -> None:
    assert [path for path, *_ in parts(before, after, "rules")] == paths


def test_null_is_neither_an_absent_item_nor_a_text() -> None:
    assert parts(["x"], ["x", None]) == [("env[1]", None, NULL)]
    assert parts(["null", "a"], [None, "a"]) == [("env[0]", "null", NULL)]
    assert parts([None, "a"], ["null", "a"]) == [("env[0]", NULL, "null")]
    assert as_texts("null", NULL) == ('"null"', "null")
    assert as_texts({"a": "null"}, {"a": NULL}) == ('{"a": "null"}', '{"a": null}')


def test_the_order_of_a_set_is_no_change_of_its_items() -> None:
    assert parts(["a", "b", "c"], ["c", "d", "a"], "subnetIds") == [("subnetIds[1]", "b", "d")]
    allow, deny = ({"Sid": sid, "Effect": "Allow"} for sid in ("A", "D"))
    old, new = (policy(statements) for statements in ([allow, deny], [deny, allow]))
    for before, after, path in (
        (old, new, "policy.Statement › order"),
        (json.dumps(old), json.dumps(new), "policy › Statement › order"),
    ):
        [part] = split(Paths.of("policy", KEY), before, after)
        assert (part.path, part.is_order, part.is_set) == (path, True, True)
    changed = policy([deny, allow | {"Effect": "Deny"}])
    assert parts(old, changed, "policy") == [('policy.Statement["A"].Effect', "Allow", "Deny")]
    terms = {"subnetSelectorTerms": ["a", "b"]}, {"subnetSelectorTerms": ["b", "a"]}
    [part] = split(Paths.of("spec", "kubernetes:eks.amazonaws.com/v1:NodeClass"), *terms)
    assert part.is_set


def policy(statements: list[Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


CONFIG_MAP, GATE = "kubernetes:core/v1:ConfigMap", "kubernetes:example.com/v1:Gate"


@each_row(
    ("kind", "name", "member", "is_text"),
    [
        (CONFIG_MAP, "data", "Action", True),
        (CONFIG_MAP, "data", "Statement", True),
        (GATE, "spec", "subnets", False),
        (GATE, "spec", "Statement", False),
        ("cloudflare:index/ruleset:Ruleset", "policy", "Statement", False),
        (VPC, "environment", "Statement", True),
        (VPC, "environment", "subnets", True),
        (VPC, "policy", "Action", True),
    ],
)
def test_the_order_of_a_list_with_the_name_of_a_set_is_shown_elsewhere(
    kind: str, name: str, member: str, *, is_text: bool
) -> None:
    def value(*items: str) -> Any:
        document: Any = policy([*items]) if member == "Statement" else {member: items}
        return json.dumps(document) if is_text else mark_nulls({**document, member: [*items]})

    pure = [*split(Paths.of(name, kind), value("deny", "allow"), value("allow", "deny"))]
    assert [(part.is_order, part.is_set) for part in pure] == [(True, False)]
    assert len(parts(value("deny", "allow"), value("allow", "deny", "log"), name, kind)) > 1


def test_statements_in_json_have_their_identifiers_and_a_part_each() -> None:
    old = {"Sid": "Own", "Action": "s3:GetObject"}
    new = [{"Sid": f"Ok{number}", "Action": "kms:DescribeKey"} for number in range(4)]
    policies = (json.dumps(policy(items)) for items in ([old], [*new, old]))
    [*changed] = split(Paths.of("policy", KEY), *policies)
    assert [part.path for part in changed] == [f'policy › Statement["Ok{number}"]' for number in range(4)]


def test_a_long_new_item_is_shown_in_parts() -> None:
    container = {"name": "evil", "args": ["x" * 300], "env": [{"name": "A", "value": "y" * 200}]}
    path = 'containers["evil"] (before "api")'
    api = {"name": "api"}
    assert [path for path, *_ in parts([api], [container, api], "containers")] == [
        f"{path}.name",
        f"{path}.args",
        f"{path}.env",
    ]
    assert len(parts([container, api], [api], "containers")) == 1


def test_secrets_in_moved_items_may_differ() -> None:
    secret, moved = {"name": "S", "value": MASK}, {"name": "T", "value": f"a {MASK} (secret)"}
    assert parts([A, secret, moved], [secret, moved]) == [
        ('env["A"]', A, None),
        ('env["S"].value', MASK, MASK),
        ('env["T"].value', moved["value"], moved["value"]),
    ]
    assert parts([secret, A], [secret]) == [('env["A"]', A, None)]


def test_an_unknown_list_of_another_length_is_one_value() -> None:
    assert parts(["a"], [LATER, LATER]) == [("env", ["a"], [LATER, LATER])]


def test_the_parts_of_a_list_tell_where_each_item_is() -> None:
    unnamed = {"value": "2", "more": "3"}
    for before in itertools.chain.from_iterable(
        itertools.permutations([A, B, unnamed], size) for size in (1, 2)
    ):
        lists: dict[str, list[Any]] = {}
        for size in range(4):
            for after in itertools.permutations([A, B, C, unnamed], size):
                shown = json.dumps(parts([*before], [*after]))
                assert lists.setdefault(shown, [*after]) == [*after], shown


def test_a_position_of_the_engine_leads_to_an_item_only_if_the_item_stays_there() -> None:
    before, after = {"env": [A, B]}, {"env": [A, C, B]}
    paths = locate("env[0].value", before, after)
    assert paths and (paths.shown, paths.old) == ('env["A"].value', "env[0].value")
    assert locate("env[1].value", before, after) is None
    whole = locate('data["a.b"].c', {}, {})
    assert whole and whole.shown == 'data["a.b"].c'


def test_an_identifier_leads_to_the_item_of_another_list() -> None:
    items = {"env": [B, A, {"name": "x", "ports": [{"containerPort": 80}]}]}
    assert value_at_common(items, 'env["A"].value') == "1"
    assert value_at_common(items, 'env["x"].ports["80"].containerPort') == 80
    assert value_at_common(items, "env[1].value") == "1"
    assert value_at_common(items, 'env["missing"].value') is None
    assert value_at_common({"env": [A, A]}, 'env["A"].value') is None


def test_different_lists_have_a_part_and_all_paths_are_different() -> None:
    numbers = random.Random(5)
    for _ in range(3000):
        before, after = ([_item(numbers) for _ in range(numbers.randrange(6))] for _ in range(2))
        for name in ("env", "subnetIds"):
            paths = [path for path, *_ in parts(before, after, name)]
            assert len(set(paths)) == len(paths), (before, after)
            assert paths or before == after, (before, after)
            pairs = pair_items(before, after, is_set=name == "subnetIds")
            assert sorted(pair.old for pair in pairs if pair.old is not None) == [*range(len(before))]
            assert sorted(pair.new for pair in pairs if pair.new is not None) == [*range(len(after))]


def _item(numbers: random.Random) -> Any:
    """Return an item with few possible values, so that many items are equal or share an identifier."""
    if numbers.random() < 0.1:
        return numbers.randrange(3)
    return {member: numbers.randrange(3) for member in ("name", "port", "x") if numbers.random() < 0.8}
