"""Tests with random inputs: no provider crashes, and no message has a secret."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2 as proto

from sandbox.errors import ProviderError
from sandbox.providers.diff import changes
from sandbox.providers.provider import Provider
from sandbox.providers.server import packages
from sandbox.wire.values import (
    UNKNOWN,
    Secret,
    added_properties,
    decode,
    decode_inputs,
    encode,
    mark_secrets,
    merge,
    plain,
    project,
    value_at,
    with_nulls,
    without_nulls,
)
from tests.support.sandbox.providers.engine_calls import Connection
from tests.support.sandbox.providers.resources import (
    SECRET,
    VALID,
    Providers,
    changed,
    resource,
)

GATE = "kubernetes:example.com/v1:Gate"
GATE_INPUTS = {"apiVersion": "example.com/v1", "kind": "Gate", "metadata": {"name": "gate"}}
"""A custom resource, whose `spec` only the server checks."""

PASSWORD = "hunter2-hidden"
"""A secret value, which no message may contain."""

LEAVES = st.one_of(
    st.none().map(lambda _: UNKNOWN),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=8),
    st.sampled_from(
        ["{}", "[]", '{"Version": "2012-10-17", "Statement": [null, 1, {"Condition": [1]}]}', "v1"]
    ),
    st.just(Secret(PASSWORD)),
    st.just(Secret({"password": PASSWORD})),
)
KEYS = st.one_of(
    st.text(max_size=6), st.sampled_from(["name", "metadata", "spec", "kind", "tags", "vpcConfig"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def paths(value: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every item and member in a value."""
    if isinstance(value, dict):
        keys: Iterable[Any] = list(cast(dict[str, Any], value))
    else:
        keys = range(len(cast(list[Any], value))) if isinstance(value, list) else ()
    for key in keys:
        yield (*parents, key)
        yield from paths(value[key], (*parents, key))


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw the valid inputs of a type, and replace, add or remove up to three members."""
    token = draw(st.sampled_from(list(VALID)))
    result = copy.deepcopy(VALID[token])
    for _ in range(draw(st.integers(0, 3))):
        all_paths = list(paths(result))
        if not all_paths:
            break
        *parents, key = draw(st.sampled_from(all_paths))
        container: Any = result
        for parent in parents:
            container = container[parent]
        match draw(st.sampled_from(["replace", "add", "remove"])):
            case "replace":
                container[key] = draw(VALUES)
            case "add" if isinstance(container, dict):
                container[draw(KEYS)] = draw(VALUES)
            case _:
                del container[key]
    return token, result


@given(inputs())
@settings(
    max_examples=400,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_inputs_crash_a_provider(providers: Providers, drawn: tuple[str, dict[str, Any]]) -> None:
    token, random_inputs = drawn
    package, target = providers.package(token), providers.target(token)
    faults = list(package.faults(resource(token, random_inputs)))
    assert PASSWORD not in str(faults)
    if faults:
        return
    completed = resource(token, package.complete(resource(token, random_inputs), {}, b"seed"))
    all_changes = changes(VALID[token], completed.inputs)
    for change in all_changes:
        package.forces_replacement(completed, change)
    package.delete_first(completed, all_changes)
    target.plan(completed)
    try:
        if "UNKNOWN" not in repr(completed.inputs):
            target.create(completed)
    except ProviderError as refused:
        assert PASSWORD not in str(refused)


@pytest.mark.parametrize("token", VALID)
def test_no_fault_has_the_secret_of_any_property(providers: Providers, token: str) -> None:
    for value in (PASSWORD, {"password": PASSWORD, "port": [PASSWORD]}, [PASSWORD, {"a": PASSWORD}]):
        for path in paths(VALID[token]):
            with_secret = changed(token, ".".join(map(str, path)), Secret(value))
            assert PASSWORD not in str(providers.faults(token, with_secret))


@given(OBJECTS)
def test_decoding_reverses_encoding(value: dict[str, Any]) -> None:
    assert decode(encode(value)) == value


PARTS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(LEAVES, st.none(), st.integers(2**53, 2**1000).map(float), st.sampled_from([{}, []])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DECLARED = st.dictionaries(KEYS, PARTS.filter(lambda part: part is not None), max_size=4)
"""Inputs as the SDK sends them: no input is null itself, but members of objects and items of lists are."""


@given(DECLARED, DECLARED)
def test_each_difference_between_declared_inputs_is_found(
    left: dict[str, Any], right: dict[str, Any]
) -> None:
    assert changes(decode_inputs(encode(left)), left) == []
    assert changes(decode_inputs(encode(left)), decode_inputs(encode(right))) or plain(left) == plain(right)
    assert decode(encode(left)) == without_nulls(left)
    assert with_nulls(without_nulls(left), left) == left


@st.composite
def declared(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw valid inputs of a type, with null members in up to three objects; of a custom resource, any."""
    token = draw(st.sampled_from([*VALID, GATE]))
    inputs = {**GATE_INPUTS, "spec": draw(DECLARED)} if token == GATE else copy.deepcopy(VALID[token])
    members = (value_at(inputs, path) for path in paths(inputs))
    objects = [cast(dict[str, Any], member) for member in members if isinstance(member, dict)]
    for index in draw(st.lists(st.integers(0, len(objects) - 1), max_size=3)) if objects else ():
        objects[index][draw(st.sampled_from(["null", "x.y"]))] = None
    return token, inputs


@given(declared())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_a_check_keeps_what_the_program_declares(drawn: tuple[str, dict[str, Any]]) -> None:
    token, news = drawn
    [provider] = [
        Provider(package, target) for package, target in packages() if token.startswith(f"{package.name}:")
    ]
    request = proto.CheckRequest(urn=f"urn:pulumi:dev::pipe::{token}::it", type=token, news=encode(news))
    answer = provider.Check(request, cast(Any, Connection()))
    assert list(answer.failures) == []
    differences = changes(news, decode_inputs(answer.inputs))
    # The values of a Secret have two forms, of which the server keeps one.
    moved = ("stringData",) if token == SECRET else ()
    assert [item for item in differences if item.kind != "add" and item.path[:1] != moved] == []


@given(OBJECTS, OBJECTS)
def test_a_projection_and_a_difference_reverse_a_merge(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert project(merge(left, right), right) == right
    assert merge(added_properties(merge(left, right), right), right) == merge(left, right)
    assert plain(mark_secrets(plain(left), left)) == plain(left)
    assert mark_secrets(plain(left), left) == left
    assert changes(left, left) == []
    assert changes(left, right) or plain(left) == plain(right)
