"""Valid resources in which one part is very long or very deep, and the time that the rules need for each.

`python -m tests.support.policies.sizes [COUNT]` evaluates every rule on COUNT such resources (3,000 by
default); `make bench` runs it. It fails if a rule crashes, if more than one resource of a hundred needs more
than 50 milliseconds of processor time, or if the time for a string is not in proportion to its length.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

from policies.engine.catalog import RULES
from policies.engine.evaluation import evaluate
from policies.engine.rule import Resource, Stack
from policies.model.property_values import Value
from tests.support.policies.fixtures import CLUSTER, DATABASE, DEPLOYMENT, MONITOR, POD, REPOSITORY
from tests.support.policies.monitors import JSON
from tests.support.policies.pytest_fixtures import urn

COUNT = 3000
LONGEST = 1_000_000
"""The maximum number of characters of a string."""
DEEPEST = 5000
"""The maximum number of nested lists or objects."""
LIMIT = 50.0
"""The milliseconds of processor time that 99 of 100 resources may need."""
GROWTH = 2.0
"""The largest ratio of the times per character of the longest strings and of strings of a tenth."""

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "a"}],
}
VALID: list[tuple[str, dict[str, Any]]] = [
    ("kubernetes:apps/v1:Deployment", DEPLOYMENT),
    ("kubernetes:core/v1:Pod", POD),
    ("datadog:index/monitor:Monitor", MONITOR),
    ("datadog:index/monitorJson:MonitorJson", {"monitor": json.dumps(JSON)}),
    ("aws:eks/cluster:Cluster", CLUSTER),
    ("aws:rds/instance:Instance", DATABASE),
    ("aws:ecr/repository:Repository", REPOSITORY),
    ("aws:iam/policy:Policy", {"policy": _POLICY}),
    ("aws:iam/role:Role", {"name": "a", "assumeRolePolicy": json.dumps(_POLICY), "inlinePolicies": []}),
    ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "a", "policy": json.dumps(_POLICY)}),
    ("cloudflare:index/ruleset:Ruleset", {"rules": [{"action": "set_config", "actionParameters": {}}]}),
    ("kubernetes:core/v1:ConfigMap", {"metadata": {"name": "a"}, "data": {"nginx.conf": "events {}"}}),
]
PARTS = (
    "a",
    "a.",
    "*",
    "@a-",
    "{{#is_alert}}",
    "://a:",
    "eyJ",
    "-----BEGIN ",
    "/a",
    "1",
    " ",
    "a{*} > 1 ",
    "é",
    "[",
)
"""Strings that are repeated; each is the beginning of something that a rule looks for."""


def mutations(seed: int, count: int) -> Iterator[Resource]:
    """Yield resources with one part that is long or deep; the same seed yields the same resources."""
    generator = random.Random(seed)
    for index in range(count):
        kind, props = generator.choice(VALID)
        copy = deepcopy(props)
        holder, key = generator.choice(list(_places(copy)))
        holder[key] = _large(generator)
        yield Resource(type=kind, urn=urn(kind, f"r{index}"), name=f"r{index}", props=Value(copy))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        for key, child in list(cast("dict[str, Any]", value).items()):
            yield value, key
            yield from _places(child)
    elif isinstance(value, list):
        for index, child in enumerate(list(cast("list[Any]", value))):
            yield value, index
            yield from _places(child)


def _large(generator: random.Random) -> Any:
    """Return a long string, a deep value, or a deep JSON document; most are far from the maximum."""
    size = int(LONGEST ** generator.random())
    depth = int(DEEPEST ** generator.random())
    match generator.randrange(4):
        case 0 | 1:
            part = generator.choice(PARTS)
            return (part * (size // len(part) + 1))[:size]
        case 2:
            return "[" * depth + "]" * depth
        case _:
            value: Any = "a"
            for _ in range(depth):
                value = [value] if generator.random() < 0.5 else {"a": value}
            return value


def time_per_character(length: int) -> float:
    """Return the milliseconds per character for strings of a length, in places where rules search them."""
    total = 0.0
    for part in PARTS:
        text = (part * (length // len(part) + 1))[:length]
        container = {"name": "a", "env": [{"name": "A", "value": text}]}
        places: list[tuple[str, dict[str, Any]]] = [
            ("kubernetes:core/v1:Pod", {"spec": {"containers": [container]}}),
            ("kubernetes:core/v1:ConfigMap", {"data": {"a": text}}),
            ("datadog:index/monitor:Monitor", {**MONITOR, "message": text}),
            ("datadog:index/monitor:Monitor", {**MONITOR, "query": text}),
        ]
        for kind, props in places:
            total += milliseconds(Resource(type=kind, urn=urn(kind, "a"), name="a", props=Value(props)))
    return total / length


def milliseconds(resource: Resource) -> float:
    """Return the processor time of all rules on a resource; raise AssertionError if a rule crashes."""
    stack = Stack((resource,))
    began = time.process_time()
    for rule in RULES:
        if rule.on_stack or resource.type in rule.types:
            evaluation = evaluate(rule, stack if rule.on_stack else resource)
            assert not evaluation.crash, (rule.name, evaluation.crash, resource.type)
    return (time.process_time() - began) * 1000


def main() -> int:
    """Print the percentiles of the times and their growth; return 1 if one of them exceeds its limit."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    times = sorted(milliseconds(resource) for resource in mutations(1, count))
    half, most = times[count // 2], times[count * 99 // 100]
    print(
        f"{count} large values: {half:.1f} ms each, 99% within {most:.1f} ms, all within {times[-1]:.1f} ms"
    )
    # The first strings fill the caches, and the fastest of two runs is the one that nothing disturbed.
    time_per_character(1000)
    short, long = (min(time_per_character(length) for _ in range(2)) for length in (LONGEST // 10, LONGEST))
    growth = long / short
    print(f"a string of {LONGEST:,} characters takes {growth:.2f} times as long per character as a tenth")
    errors = [
        f"{measurement} is {value:.1f}; at most {limit:.0f} is allowed"
        for measurement, value, limit in (
            ("the 99th percentile in milliseconds", most, LIMIT),
            ("the ratio of the times per character", growth, GROWTH),
        )
        if value > limit
    ]
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
