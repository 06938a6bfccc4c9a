"""Tests that compare the names of properties that rules read with those that the installed SDKs declare."""

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import UnionType
from typing import Any

import pytest
from pulumi._types import is_input_type

from policies.engine.catalog import BY_NAME, RULES
from policies.engine.rule import ANYTHING, Resource, Rule, Stack
from policies.model.property_values import Value
from policies.rules.aws.iam import sharing
from tests.support.policies.pytest_fixtures import resource, verdicts
from tests.support.policies.sdk_types import inputs, outputs, properties
from tests.support.policies.truth import cases

ELEMENT = "[]"
"""The step of a path to the elements of a list."""

Read = tuple[str, str, tuple[str, ...]]
"""A rule, a type of resources, and the path of a property that the rule reads of it."""

KEYS = {
    ("aws:ssm/document:Document", "permissions"): {"account_ids", "type"},
}
"""The keys that a provider reads in a map of strings, which the SDK does not declare.

Pulumi keeps the keys of maps as they are, so these are the names of the Terraform provider
(pulumi-terraform-bridge, pkg/tfbridge/schema.go: useRawNames; terraform-provider-aws,
internal/service/ssm/document.go).
"""

FREE_MAPS = frozenset(
    {
        "Condition",
        "annotations",
        "binaryData",
        "data",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "requests",
        "rules",
        "selector",
        "stringData",
        "tags",
        "variables",
    }
)
"""Maps with keys that the program or the cluster chooses, or that IAM or Cloudflare defines."""

OF_OTHERS = {
    # names of older versions of the SDK, which programs and states may still have
    ("aws:s3/bucket:Bucket", "loggings"),
    ("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", "rule"),
    ("aws:s3/bucketV2:BucketV2", "serverSideEncryptionConfiguration.rule"),
    ("aws:s3/bucketV2:BucketV2", "serverSideEncryptionConfigurations.[].rule"),
    ("cloudflare:index/dnsRecord:DnsRecord", "value"),
    ("cloudflare:index/record:Record", "value"),
    ("datadog:index/monitor:Monitor", "silenced.*"),
    # names of another type, which a shared function reads of both
    ("aws:s3/bucket:Bucket", "objectLockConfiguration.rule.defaultRetentions"),
    ("aws:s3/bucket:Bucket", "objectLockConfiguration.rules"),
    ("aws:rds/instance:Instance", "replicationSourceIdentifier"),
    ("cloudflare:index/zone:Zone", "arn"),
}
"""Names that the type does not have in the installed SDK."""


class Recorder:
    """The paths that rules read of the resources that they judge."""

    def __init__(self) -> None:
        self.rule = ""
        self.reads: set[Read] = set()
        self._roots: dict[int, Resource] = {}

    def judge(self, rule: Rule, *resources: Resource) -> None:
        """Evaluate a rule with copies of resources, which have read nothing yet, and record what it reads."""
        if not rule.on_stack and not rule.concerns(resources[0]):
            return
        self.rule = rule.name
        copies = tuple(replace(item, props=Value(item.props.get()), memo={}) for item in resources)
        self._roots |= {id(copy.props): copy for copy in copies}
        verdicts(rule.name, Stack(copies) if rule.on_stack else copies[0], {})

    def note(self, value: Value, steps: Sequence[str]) -> None:
        """Record that the current rule reads these steps below a value."""
        keys: tuple[str | int, ...] = tuple(steps)
        while value._parent is not None:  # pyright: ignore[reportPrivateUsage]
            keys = (*value._keys, *keys)  # pyright: ignore[reportPrivateUsage]
            value = value._parent  # pyright: ignore[reportPrivateUsage]
        if root := self._roots.get(id(value)):
            path = tuple(ELEMENT if isinstance(key, int) else key for key in keys)
            self.reads.add((self.rule, root.type, path))


def _record(patch: pytest.MonkeyPatch) -> set[Read]:
    """Return what the rules read of the tables' resources, and of one without properties of each type."""
    recorder = Recorder()
    item, at = Value.__getitem__, Value.at

    def recorded_item(value: Value, key: str) -> Value:
        recorder.note(value, [key])
        return item(value, key)

    def recorded_at(value: Value, path: str) -> Value:
        recorder.note(value, path.split("."))
        return at(value, path)

    patch.setattr(Value, "__getitem__", recorded_item)
    patch.setattr(Value, "at", recorded_at)
    for case in cases():
        if case.resources:
            recorder.judge(BY_NAME[case.rule], *case.resources)
    for rule in RULES:
        for kind in rule.types - ANYTHING:
            recorder.judge(rule, resource(kind, {}))
    return recorder.reads


@pytest.fixture(scope="module")
def reads() -> Iterator[set[Read]]:
    with pytest.MonkeyPatch.context() as patch:
        yield _record(patch)


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield the members of a union of input types, without those for values of other resources."""
    if typing.get_origin(kind) in (typing.Union, UnionType):
        for member in typing.get_args(kind):
            yield from _alternatives(member)
    else:
        yield kind


def _below(kind: Any, key: str) -> Iterator[Any]:
    """Yield the types of a member of a type, or Any below a type without declared members."""
    for member in _alternatives(kind):
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if origin in (list, Sequence):
            # The SDK wraps a single block in no list, so that a rule may read its members directly.
            yield from arguments if key == ELEMENT else _below(arguments[0], key)
        elif origin is Mapping or member in (Any, str):
            yield Any
        elif isinstance(member, type) and is_input_type(member) and key in properties(member):
            yield properties(member)[key]


@cache
def _is_declared(token: str, path: tuple[str, ...]) -> bool:
    """Return True if the SDK declares a property of a type, or if it does not know the type."""
    declared = inputs(token)
    if declared is None:
        return True
    if path[0] not in declared:
        return path[0] in outputs(token)
    kinds = [declared[path[0]]]
    for key in path[1:]:
        kinds = [below for kind in kinds for below in _below(kind, key)]
    return bool(kinds)


def _maps(token: str, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the name of each map of strings on a path, with the key after it."""
    kinds = [(inputs(token) or {}).get(path[0])]
    for name, key in pairwise(path):
        if any(typing.get_origin(member) is Mapping for kind in kinds for member in _alternatives(kind)):
            yield name, key
        kinds = [below for kind in kinds for below in _below(kind, key)]


def test_the_sdk_declares_each_property_that_a_rule_reads(reads: set[Read]) -> None:
    assert len(reads) > 10_000
    declared = {
        (rule, path[-1]) for rule, token, path in reads if inputs(token) and _is_declared(token, path)
    }
    undeclared = {
        (token, ".".join(path))
        for rule, token, path in reads
        # A rule on several types, or on several blocks of one, may try the names of each.
        if not _is_declared(token, path) and (rule, path[-1]) not in declared
    }
    assert sorted(undeclared ^ OF_OTHERS) == []


def test_a_provider_reads_each_key_of_a_map_that_a_rule_reads(reads: set[Read]) -> None:
    keys = {
        ((token, name), key)
        for _, token, path in reads
        for name, key in _maps(token, path)
        if name not in FREE_MAPS
    }
    assert {place for place, _ in keys} >= KEYS.keys()
    assert sorted((*place, key) for place, key in keys if key not in KEYS.get(place, set())) == []


def test_the_sdk_declares_each_step_to_what_shares_a_resource() -> None:
    for token, share in sharing.SHARES.items():
        for path in (share.path, *share.limits):
            steps = tuple(path.split("."))
            assert _is_declared(token, steps), (token, path)
            assert all(key in KEYS[token, name] for name, key in _maps(token, steps)), (token, path)


def test_an_undeclared_name_is_found() -> None:
    assert _is_declared("aws:lb/listener:Listener", ("defaultActions", ELEMENT, "redirect", "statusCode"))
    assert not _is_declared("aws:lb/listener:Listener", ("defaultActions", ELEMENT, "redirects"))
    assert not _is_declared("aws:lb/listener:Listener", ("defaultAction",))
