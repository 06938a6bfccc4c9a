"""Ten thousand random resources with unknown and secret values: no rule crashes or leaks a secret.

Two thirds of the resources have properties of the types that the SDKs declare, for every resource type that a
rule reads. The others are valid resources in which random values replace a few parts.
"""

import random
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin

import pytest
from pulumi._types import is_input_type

import policies
from policies.engine.catalog import RULES
from policies.engine.evaluation import evaluate
from policies.engine.rule import Resource, Stack
from policies.model.property_marks import SIGNATURE
from tests.support.policies.buckets import PARTS
from tests.support.policies.fixtures import CLUSTER, DATABASE, DEPLOYMENT, MONITOR, POD, REPOSITORY
from tests.support.policies.pytest_fixtures import UNKNOWN, resource, secret, urn
from tests.support.policies.sdk_types import inputs, properties

SEEDS = 100
IN_EVERY_RUN = 15
"""Seeds of the unit lane; the others take too long for it."""
EACH = 100
KINDS = [sorted(rule.types) for rule in RULES if rule.types]
"""The types of each rule. The choice of a rule precedes the choice of a type, so all rules are equally
likely."""
VALID: list[dict[str, Any]] = [DEPLOYMENT, POD, MONITOR, CLUSTER, DATABASE, REPOSITORY, *PARTS.values()]
PLANTED = "hunter2"
LARGEST = 300
"""The maximum number of values in one resource, because types may contain each other recursively."""


def texts() -> list[str]:
    """Return the strings that rules look for: names of properties, and special values."""
    folder = Path(policies.__file__).parent / "rules"
    source = "".join(file.read_text() for file in sorted(folder.rglob("*.py")))
    return sorted({text for text in re.findall(r'"([^"\n]{1,60})"', source) if "{" not in text})


TEXTS = [
    *texts(),
    "",
    "*",
    "0.0.0.0/0",
    "::/0",
    "{",
    "[]",
    '{"Statement": [{"Effect": 1}]}',
    '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": ["*", 1]}}',
    "avg(last_5m):avg:x{*} > 1",
    "a > 1",
    "{{#is_alert}}@pagerduty{{/is_alert}}",
    "server { listen 443 ssl; }",
    "server {",
    "100m",
    "1e3",
    "128Mi",
    "-1",
]
WORDS = {word for text in TEXTS for word in text.split(".")}
"""The words in these strings, among them the names of properties that rules read."""


class Random:
    """Random properties from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.left = 0

    def resource(self, index: int) -> Resource:
        """Return a resource with inputs of the declared types, or a valid resource with random changes."""
        kind = self.kind()
        expected = inputs(kind)
        if expected is None or self.random.random() < 0.33:
            props = deepcopy(self.random.choice(VALID))
            for _ in range(self.random.randrange(1, 5)):
                self.break_one(props)
        else:
            self.left = LARGEST
            props = self.properties(expected)
        depends = {"bucket": (urn(self.kind(), f"r{self.random.randrange(EACH)}"),)}
        return resource(kind, props, f"r{index}", property_dependencies=depends)

    def kind(self) -> str:
        return self.random.choice(self.random.choice(KINDS))

    def properties(self, expected: Mapping[str, Any]) -> dict[str, Any]:
        """Return a random selection of properties, which favours the properties that rules read."""
        names = sorted(expected)
        self.random.shuffle(names)
        return {
            name: self.value(expected[name])
            for name in names
            if self.random.random() < (0.7 if name in WORDS else 0.1) and self.left > 0
        }

    def value(self, kind: Any) -> Any:
        """Return a value of a type, or a value that is unknown, secret or of another type."""
        self.left -= 1
        chance = self.random.random()
        if chance < 0.04:
            return UNKNOWN
        if chance < 0.07:
            return secret(PLANTED if self.random.random() < 0.5 else self.typed(kind))
        return self.anything(2) if chance < 0.1 else self.typed(kind)

    def typed(self, kind: Any) -> Any:
        """Return a value of a type that is written as in the SDKs."""
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            # The other members of an Input, awaitables and outputs.
            return self.typed(self.random.choice([item for item in get_args(kind) if _plain(item)]))
        if origin is Literal:
            return self.random.choice(get_args(kind))
        if isinstance(origin, type) and issubclass(origin, Sequence):
            return [self.value(get_args(kind)[0]) for _ in range(self.random.randrange(4)) if self.left > 0]
        if isinstance(origin, type) and issubclass(origin, Mapping):
            count = self.random.randrange(4)
            return {self.random.choice(TEXTS): self.value(get_args(kind)[1]) for _ in range(count)}
        if isinstance(kind, type) and is_input_type(kind):
            return self.properties(properties(kind))
        if isinstance(kind, type) and issubclass(kind, Enum):
            return self.random.choice(list(kind)).value
        simple: dict[object, list[Any]] = {
            bool: [True, False],
            int: [-1, 0, 1, 22, 443, 65535],
            float: [-1.5, 0, 0.01, 99.9],
            str: TEXTS,
        }
        return self.random.choice(simple[kind]) if kind in simple else self.anything(2)

    def anything(self, depth: int) -> Any:
        """Return any value that a Struct can hold, with the engine's marks."""
        chance = self.random.randrange(12 if depth else 7)
        if chance < 7:
            plain = [UNKNOWN, True, False, 0, 22, -1.5, None, self.random.choice(TEXTS)]
            return self.random.choice(plain)
        if chance == 7:
            return secret(PLANTED if self.random.random() < 0.5 else self.anything(depth - 1))
        if chance < 10:
            return [self.anything(depth - 1) for _ in range(self.random.randrange(3))]
        return {self.random.choice(TEXTS): self.anything(depth - 1) for _ in range(self.random.randrange(6))}

    def break_one(self, props: dict[str, Any]) -> None:
        """Replace one part of the properties with a random value."""
        holder, key = self.random.choice(list(_places(props)))
        holder[key] = self.anything(2)


def _plain(kind: Any) -> bool:
    """Return True if the engine receives values of a type without conversion."""
    name = getattr(get_origin(kind) or kind, "__name__", "")
    return kind is not type(None) and name not in ("Awaitable", "Output")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        if SIGNATURE in value:
            return  # an incomplete mark does not count
        for key, child in cast(dict[str, Any], value).items():
            yield value, key
            yield from _places(child)
    elif isinstance(value, list):
        for index, child in enumerate(cast(list[Any], value)):
            yield value, index
            yield from _places(child)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # deprecated types are checked too
@pytest.mark.parametrize(
    "seed",
    [
        *range(IN_EVERY_RUN),
        *(pytest.param(seed, marks=pytest.mark.engine) for seed in range(IN_EVERY_RUN, SEEDS)),
    ],
)
def test_no_rule_crashes_on_any_resource(seed: int) -> None:
    generator = Random(seed)
    resources = [generator.resource(index) for index in range(EACH)]
    stack = Stack(tuple(resources))
    for rule in RULES:
        subjects = [stack] if rule.on_stack else [item for item in resources if item.type in rule.types]
        for subject in subjects:
            evaluation = evaluate(rule, subject)
            assert not evaluation.crash, (rule.name, evaluation.crash, subject)
            assert PLANTED not in "".join(map(str, evaluation.findings)), rule.name
            blamed = {stack.by_urn[item.urn].type for item in evaluation.findings if item.urn}
            assert blamed <= rule.types | rule.about, rule.name  # otherwise the ledger lacks passes
