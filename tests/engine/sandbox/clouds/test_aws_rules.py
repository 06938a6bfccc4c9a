"""A test that the rules in api.toml read only names that exist in their requests.

A rule that reads any other name would never refuse a request.
"""

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

COMMON_NAMES = {"region", "account", "now", "uuid", "hex32", "id17", "buckets", "found", *VERSIONS}
"""Names that the rules can read for every request; `found` is the result of the rule's `if`."""

ONWARD = ("subexpression", "projection", "filter_projection", "value_projection", "pipe", "index_expression")
"""Types of nodes of which only the first child reads from the same object as the node itself."""


def roots(node: Json) -> Iterator[str]:
    """Yield the names that an expression reads from its input."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] != "expref":
        children = cast(list[Json], node["children"])
        for child in children[:1] if node["type"] in ONWARD else children:
            yield from roots(child)


def read(rule: Json) -> Iterator[str]:
    """Yield the names that the expressions and the message of a rule read."""
    texts = [*rule.get("match", ())]
    if "if" in rule:
        texts.append(rule["if"])
    placeholders = [name for text in (*texts, rule.get("say", "")) for name in PLACEHOLDER.findall(text)]
    # A placeholder is not JMESPath, so a constant replaces it.
    expressions = [PLACEHOLDER.sub("`0`", STRING_LITERAL.sub("`0`", text)) for text in texts]
    parser: Any = jmespath.parser.Parser()
    for expression in (*expressions, *placeholders):
        yield from roots(parser.parse(expression).parsed)


def members(operation: str) -> set[str]:
    """Return the names of an operation's parameters, and the names that the sandbox derives from them."""
    service, action = operation.split()
    shape = Session().get_service_model(service).operation_model(action).input_shape
    names = set(shape.members if shape else ())
    if operation in RULES["documents"]:
        names.add("document")
    if service in SERVICES:
        names.add("record")
    return names


def test_a_rule_reads_names_that_its_operations_have() -> None:
    names_of: dict[str, set[str]] = {}
    unknown: list[str] = []
    for operations, rules in RULES["refuse"].items():
        if operations == "*":
            continue
        for rule in rules:
            known = set(COMMON_NAMES)
            for operation in operations.split(", "):
                names = names_of.setdefault(operation, members(operation))
                # A look-up of one rule stays visible to the rules after it.
                names |= {step["as"] for step in rule.get("look", ())}
                known |= names
            unknown += [f"{operations}: {name}" for name in read(rule) if name not in known]
    assert not unknown, "\n".join(unknown)
