"""The names that AWS's rules read are those of its requests: a rule about another would never refuse."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jmespath.parser
from botocore.session import Session

from sandbox.clouds.aws import api
from sandbox.clouds.aws.api import VERSIONS
from sandbox.clouds.aws.emulated import SERVICES
from sandbox.clouds.web import Json
from sandbox.wire.templates import PLACEHOLDER, STRING_LITERAL

RULES: Json = tomllib.loads(Path(api.__file__).with_suffix(".toml").read_text())

GIVEN = {"region", "account", "now", "uuid", "hex32", "id17", "buckets", "found", *VERSIONS}
"""Words that every request has; `found`: what an `if` has found."""

ONWARD = ("subexpression", "projection", "filter_projection", "value_projection", "pipe", "index_expression")
"""Nodes of whose children only the first is about what the whole is about."""


def roots(node: Json) -> Iterator[str]:
    """The names that an expression reads at the top of what it is given."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] != "expref":
        children = cast(list[Json], node["children"])
        for child in children[:1] if node["type"] in ONWARD else children:
            yield from roots(child)


def read(rule: Json) -> Iterator[str]:
    """The names of the request that a rule reads, and says."""
    texts = [*rule.get("match", ()), *([rule["if"]] if "if" in rule else ())]
    places = [place for each in (*texts, rule.get("say", "")) for place in PLACEHOLDER.findall(each)]
    parser: Any = jmespath.parser.Parser()
    for expression in (*(PLACEHOLDER.sub("`0`", STRING_LITERAL.sub("`0`", each)) for each in texts), *places):
        yield from roots(parser.parse(expression).parsed)


def members(operation: str) -> set[str]:
    """The names that a request can have, and the words that the sandbox makes of it."""
    service, action = operation.split()
    shape = Session().get_service_model(service).operation_model(action).input_shape
    documents = {"document"} if operation in RULES["documents"] else set[str]()
    return (
        documents | {*(shape.members if shape else ())} | ({"record"} if service in SERVICES else set[str]())
    )


def test_a_rule_reads_names_that_its_operations_have() -> None:
    seen, strange = dict[str, set[str]](), list[str]()
    for names, rules in RULES["refuse"].items():
        operations = [each for each in names.split(", ") if each != "*"]
        for rule in rules if operations else ():
            known = set(GIVEN)
            for each in operations:
                known |= seen.setdefault(each, members(each))
                seen[each] |= {step["as"] for step in rule.get("look", ())}
                known |= seen[each]
            strange += [f"{names}: {name}" for name in read(rule) if name not in known]
    assert not strange, "\n".join(strange)
