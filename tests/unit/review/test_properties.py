"""What changes in a resource, and which key of a stack file it came from."""

from pathlib import Path
from typing import Any

import pytest

from review.engine_run import Observed, Stack, Step
from review.locate import StackFile, read
from review.model import Place
from review.plain_data import value_at
from review.properties import properties
from tests.support.review.stacks import KEY, VPC, resource

NOWHERE = StackFile("Pulumi.dev.yaml", {}, {})


MAIN = Step("create", None, resource(VPC, "main"))


class Fed(Stack):
    """A stack in which every value comes from the network, if there is one."""

    def sources(self, step: Step, path: str) -> list[Step]:
        return [each for each in self.steps.values() if each is MAIN]


def told(old: dict[str, Any], new: dict[str, Any], *sources: Step, **kinds: str) -> list[tuple[Any, ...]]:
    """Path, values, whether it forces, and why it is folded."""
    step = Step(
        "update", resource(KEY, "it", old), resource(KEY, "it", new), kinds or dict.fromkeys(new, "update")
    )
    steps = {each.resource.urn: each for each in (step, *sources)}
    found = properties(step, Fed("dev", Observed(Path(), steps)))
    return [(each.path, each.before, each.after, each.forces, each.folded) for each in found]


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ({"a": 1}, {"a": 2}, [("a", "1", "2", False, "")]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, [("a.c", "2", "3", False, "")]),
        ({"a": '{"b": [1]}'}, {"a": '{"b": [2]}'}, [("a › b[0]", "1", "2", False, "")]),
        ({"a": ["x", "y"]}, {"a": ["y", "z", "w"]}, [("a", '["x"]', '["z", "w"]', False, "")]),
        ({"a": "one\ntwo\n"}, {"a": "one\nthree\n"}, [("a › lines", "two", "three", False, "")]),
    ],
    ids=["value", "object", "JSON", "list", "text"],
)
def test_a_value_is_told_by_what_differs_in_it(
    old: dict[str, Any], new: dict[str, Any], parts: list[tuple[Any, ...]]
) -> None:
    assert told(old, new) == parts


def test_what_forces_a_replacement_says_so_folded_or_not() -> None:
    kinds = {"a": "update-replace"}
    assert told({"a": 1}, {"a": 2}, **kinds) == [("a", "1", "2", True, "")]
    why = "forces the replacement, follows from main (aws:ec2:Vpc)"
    assert told({"a": 1}, {"a": 2}, MAIN, **kinds) == [("a", "1", "2", True, why)]


def test_what_follows_from_another_resource_and_a_checksum_are_folded() -> None:
    assert told({"a": 1}, {"a": 2}, MAIN) == [("a", "1", "2", False, "follows from main (aws:ec2:Vpc)")]
    sums = {"checksum": "0123abcd"}, {"checksum": "4567cdef"}
    assert told(*sums) == [("checksum", "0123abcd", "4567cdef", False, "checksums")]


def test_an_order_is_noise_but_where_it_means_something() -> None:
    kinds = {"a[0]": "update", "a[1]": "update"}
    assert told({"a": ["x", "y"]}, {"a": ["y", "x"]}, **kinds) == [("a", "y", "x", False, "order only")]
    kinds = {"args[0]": "update"}
    assert told({"args": ["x", "y"]}, {"args": ["y", "x"]}, **kinds) == [("args[0]", "x", "y", False, "")]


@pytest.mark.parametrize(
    ("path", "value"), [("a.b[1]", 3), ('a["c.d"]', 4), ("a.b[7]", None), ("a.x.y", None)]
)
def test_a_path_of_the_engine_leads_to_a_value(path: str, value: int | None) -> None:
    assert value_at({"a": {"b": [2, 3], "c.d": 4}}, path) == value


BASE = {"pipe:database.class": ("small", 4), "pipe:api.days": ("30", 6), "pipe:proxy.days": ("30", 8)}
HEAD = BASE | {"pipe:database.class": ("large", 4)}


@pytest.mark.parametrize(
    ("path", "values", "near", "found"),
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
    path: str, values: tuple[str, str], near: str, found: tuple[str, int, str] | None
) -> None:
    wanted = Place("Pulumi.dev.yaml", found[1], "sets", found[0], found[2]) if found else None
    assert StackFile("Pulumi.dev.yaml", BASE, HEAD).origin(path, *values, near) == wanted


def test_a_stack_file_is_named_by_its_path_in_the_tree(tmp_path: Path) -> None:
    trees = tmp_path / "base", tmp_path / "head"
    for tree, days in zip(trees, (1, 2), strict=True):
        (tree / "foundation").mkdir(parents=True)
        (tree / "foundation" / "Pulumi.foundation.yaml").write_text(f"config:\n  pipe:days: {days}\n")
    found = read("foundation", *((tree, tree / "foundation") for tree in trees))
    assert found.name == "foundation/Pulumi.foundation.yaml"
    assert (found.base, found.head) == ({"pipe:days": ("1", 2)}, {"pipe:days": ("2", 2)})
    gone = read("foundation", (trees[0], trees[0] / "foundation"), (trees[1], None))
    assert (gone.name, gone.head) == ("foundation/Pulumi.foundation.yaml", {})
