"""Whatever a program sends: a provider answers, and no message holds a secret."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.errors import RefusedError
from sandbox.providers.diff import changes
from sandbox.wire.values import (
    UNKNOWN,
    Secret,
    added_properties,
    decode,
    encode,
    mark_secrets,
    merge,
    plain,
    project,
)
from tests.support.sandbox.providers.resources import VALID, Providers, changed, resource

HIDDEN = "hunter2-hidden"
"""A secret value; it must not be in any message."""

LEAVES = st.one_of(
    st.none().map(lambda _: UNKNOWN),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=8),
    st.sampled_from(
        ["{}", "[]", '{"Version": "2012-10-17", "Statement": [null, 1, {"Condition": [1]}]}', "v1"]
    ),
    st.just(Secret(HIDDEN)),
    st.just(Secret({"password": HIDDEN})),
)
KEYS = st.one_of(
    st.text(max_size=6), st.sampled_from(["name", "metadata", "spec", "kind", "tags", "vpcConfig"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a value."""
    keys: dict[Any, Callable[[Any], Any]] = {dict: list, list: lambda items: range(len(items))}
    for key in keys.get(type(value), lambda _: ())(value):
        yield (*path, key)
        yield from places(value[key], (*path, key))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Valid inputs of some type, in which something is replaced, added or taken out."""
    token = draw(st.sampled_from(list(VALID)))
    made = copy.deepcopy(VALID[token])
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(made))
        if not found:
            break
        *path, key = draw(st.sampled_from(found))
        place: Any = made
        for step in path:
            place = place[step]
        match draw(st.sampled_from(["replace", "add", "take out"])):
            case "replace":
                place[key] = draw(VALUES)
            case "add" if isinstance(place, dict):
                place[draw(KEYS)] = draw(VALUES)
            case _:
                del place[key]
    return token, made


@given(inputs())
@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_inputs_are_checked_and_none_crashes(
    providers: Providers, drawn: tuple[str, dict[str, Any]]
) -> None:
    token, made = drawn
    package, target = providers.package(token), providers.target(token)
    faults = list(package.faults(resource(token, made)))
    assert HIDDEN not in str(faults)
    if faults:
        return
    wanted = resource(token, package.complete(resource(token, made), {}, b"seed"))
    for change in (found := changes(VALID[token], wanted.inputs)):
        package.forces_replacement(wanted, change)
    package.delete_first(wanted, found)
    target.plan(wanted)
    try:
        if "UNKNOWN" not in repr(wanted.inputs):
            target.create(wanted)
    except RefusedError as refused:
        assert HIDDEN not in str(refused)


@pytest.mark.parametrize("token", VALID)
def test_a_secret_is_in_no_message_wherever_it_is(providers: Providers, token: str) -> None:
    for value in (HIDDEN, {"password": HIDDEN, "port": [HIDDEN]}, [HIDDEN, {"a": HIDDEN}]):
        for path in places(VALID[token]):
            made = changed(token, ".".join(map(str, path)), Secret(value))
            assert HIDDEN not in str(providers.faults(token, made))


@given(OBJECTS)
def test_what_is_sent_is_what_arrives(value: dict[str, Any]) -> None:
    assert decode(encode(value)) == value


@given(OBJECTS, OBJECTS)
def test_values_are_put_together_and_taken_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert project(merge(one, other), other) == other
    assert merge(added_properties(merge(one, other), other), other) == merge(one, other)
    assert plain(mark_secrets(plain(one), one)) == plain(one)
    assert mark_secrets(plain(one), one) == one
    assert changes(one, one) == []
    assert changes(one, other) or plain(one) == plain(other)
