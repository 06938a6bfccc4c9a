"""Ten thousand random resources, unknown and secret values anywhere: no rule crashes or leaks a secret."""

import random
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest

import policies
from policies.catalog import RULES
from policies.judge import judge
from policies.rule import Resource, Stack
from policies.unknowns import SIGNATURE
from tests.policies.buckets import PARTS
from tests.policies.conftest import UNKNOWN, resource, secret, urn
from tests.policies.fixtures import DEPLOYMENT, MONITOR, POD
from tests.policies.rules.test_ecr import REPOSITORY
from tests.policies.rules.test_eks import CLUSTER
from tests.policies.rules.test_rds import DATABASE

SEEDS = 100
EACH = 100
KINDS = [sorted(rule.types) for rule in RULES if rule.types]
"""The types of each rule: a type of few is as likely as one of many."""
VALID: list[dict[str, Any]] = [DEPLOYMENT, POD, MONITOR, CLUSTER, DATABASE, REPOSITORY, *PARTS.values()]
PLANTED = "hunter2"


def words() -> list[str]:
    """The property names that rules look at."""
    folder = Path(policies.__file__).parent
    text = "".join(file.read_text() for file in sorted(folder.rglob("*.py")))
    return sorted({word for match in re.findall(r'"([a-z][A-Za-z.]+)"', text) for word in match.split(".")})


WORDS = words()


class Random:
    """Random properties from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int) -> Any:
        """Anything that a Struct can hold, with the engine's marks."""
        kind = self.random.randrange(12 if depth else 7)
        if kind < 7:
            texts = [
                "",
                "*",
                "latest",
                "0.0.0.0/0",
                "{",
                '{"Statement": [{"Effect": 1}]}',
                "a > 1",
                "server {",
            ]
            plain = [UNKNOWN, True, False, 0, 22, -1.5, None, self.random.choice(texts)]
            return self.random.choice(plain)
        if kind == 7:
            return secret(PLANTED if self.random.random() < 0.5 else self.value(depth - 1))
        if kind < 10:
            return [self.value(depth - 1) for _ in range(self.random.randrange(3))]
        return {self.random.choice(WORDS): self.value(depth - 1) for _ in range(self.random.randrange(6))}

    def kind(self) -> str:
        return self.random.choice(self.random.choice(KINDS))

    def resource(self, index: int) -> Resource:
        """A valid resource with a few parts replaced, or properties made up from known names."""
        kind = self.kind()
        if self.random.random() < 0.6:
            props = deepcopy(self.random.choice(VALID))
            for _ in range(self.random.randrange(1, 5)):
                self.break_one(props)
        else:
            props = {self.random.choice(WORDS): self.value(4) for _ in range(self.random.randrange(8))}
        depends = {"bucket": (urn(self.kind(), f"r{self.random.randrange(EACH)}"),)}
        return resource(kind, props, f"r{index}", property_dependencies=depends)

    def break_one(self, props: dict[str, Any]) -> None:
        """Replaces one part, anywhere, by anything."""
        places = list(_places(props))
        holder, key = self.random.choice(places)
        holder[key] = self.value(2)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        if SIGNATURE in value:
            return  # half a mark is none
        for key, child in cast(dict[str, Any], value).items():
            yield value, key
            yield from _places(child)
    elif isinstance(value, list):
        for index, child in enumerate(cast(list[Any], value)):
            yield value, index
            yield from _places(child)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_rule_crashes_on_any_resource(seed: int) -> None:
    made = Random(seed)
    resources = [made.resource(index) for index in range(EACH)]
    stack = Stack(tuple(resources))
    for rule in RULES:
        subjects = [stack] if rule.on_stack else [each for each in resources if each.type in rule.types]
        for subject in subjects:
            judgement = judge(rule, subject)
            assert not judgement.crash, (rule.name, judgement.crash, subject)
            assert PLANTED not in "".join(map(str, judgement.findings)), rule.name
