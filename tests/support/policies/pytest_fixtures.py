"""Shared fixtures for tests of rules: evaluation of properties, and single changes to valid resources."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from pulumi.runtime.proto import analyzer_pb2

import lazy_sdk  # noqa: F401  # pyright: ignore[reportUnusedImport]  (the SDKs then load only what is used)
from policies.engine.catalog import BY_NAME
from policies.engine.evaluation import evaluate
from policies.engine.rule import Resource, Stack
from policies.model.property_marks import from_plain
from policies.model.property_values import Value

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's marker for a string that a preview does not know."""

MessagesOf = Callable[..., list[str]]


def secret(value: object) -> dict[str, object]:
    """Return a value with the mark that the engine gives to a secret."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def urn(kind: str, name: str = "it") -> str:
    """Return the URN of a resource in the test stack."""
    return f"urn:pulumi:prod::pipe::{kind}::{name}"


def provider(kind: str) -> analyzer_pb2.AnalyzerProviderResource:
    """Return the default provider that the engine reports for a resource of a type."""
    package = f"pulumi:providers:{kind.partition(':')[0]}"
    return analyzer_pb2.AnalyzerProviderResource(type=package, urn=urn(package, "default"), name="default")


def resource(kind: str, props: Mapping[str, Any], name: str = "it", **more: Any) -> Resource:
    """Return a resource as a rule receives it."""
    return Resource(type=kind, urn=urn(kind, name), name=name, props=Value(from_plain(props)), **more)


def changed(props: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy with changes: `a__b__0__c=value` sets a.b[0].c, and the value None removes a property."""
    copy: dict[str, Any] = deepcopy(dict(props))
    for path, value in changes.items():
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        place: Any = copy
        for step in steps:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return copy


def verdicts(rule: str, subject: Resource | Stack, options: Mapping[str, Any]) -> list[str]:
    """Return the findings as strings, then `unknown: path` for each unknown value; a crash fails the test."""
    evaluation = evaluate(BY_NAME[rule], subject, options)
    assert not evaluation.crash, evaluation.crash
    return [str(finding) for finding in evaluation.findings] + [
        f"unknown: {value.path}" for value in evaluation.unknown
    ]


@pytest.fixture(scope="session", autouse=True)
def no_waivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use an empty file of waivers, because the committed waivers apply to the committed stacks."""
    file = tmp_path_factory.mktemp("waivers") / "waivers.yaml"
    file.write_text("[]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policies.engine.waivers.own_file", file)
        yield


@pytest.fixture
def messages_of() -> MessagesOf:
    """Provide `messages_of(rule, type, props, **options)`, which returns a rule's messages."""

    def call(rule: str, kind: str, props: Mapping[str, Any], **options: Any) -> list[str]:
        return verdicts(rule, resource(kind, props), options)

    return call


@pytest.fixture
def messages_of_stack() -> MessagesOf:
    """Provide `messages_of_stack(rule, resources, **options)`, which returns a rule's messages."""

    def call(rule: str, *resources: Resource, **options: Any) -> list[str]:
        return verdicts(rule, Stack(resources), options)

    return call
