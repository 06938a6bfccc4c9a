"""Tests of the rules on types with the tokens of the installed SDKs."""

import re
from pathlib import Path

import pulumi_kubernetes

from policies.engine.catalog import RULES
from policies.engine.rule import PACKAGES
from policies.model.kubernetes.types import RELEASE
from policies.rules.resource_types import COMPONENTS, TEMPLATES
from sandbox.providers.server import packages
from tests.support.policies.pytest_fixtures import MessagesOf
from tests.support.policies.sdk_types import inputs

SDK = [file.read_text() for file in Path(pulumi_kubernetes.__file__).parent.rglob("*.py")]
CLASS = re.compile(
    r'@pulumi\.type_token\("(kubernetes:[^"]+)"\)\nclass \w+\(pulumi\.(Custom|Component)Resource'
)
OBJECT = re.compile(r"""__dict__\["api_version"\] = '([^']+)'.*?__dict__\["kind"\] = '([^']+)'""", re.DOTALL)
UNCREATABLE = "kubernetes:meta/v1:Status"
"""A response of the API server, which the SDK has a class for."""


def test_every_class_of_the_sdk_has_the_type_of_its_object(messages_of: MessagesOf) -> None:
    count = 0
    for text in SDK:
        declared = CLASS.search(text)
        if not declared or declared[2] == "Component" or declared[1] == RELEASE:
            continue
        manifest = OBJECT.search(text)
        assert manifest, declared[1]
        props = {"apiVersion": manifest[1], "kind": manifest[2]}
        refused = bool(messages_of("type-of-other-object", declared[1], props))
        assert refused is declared[1].startswith(UNCREATABLE), declared[1]
        count += 1
    assert count > 500


def test_the_components_of_the_sdk_are_known() -> None:
    tokens = {match[1] for text in SDK if (match := CLASS.search(text)) and match[2] == "Component"}
    assert tokens and tokens <= COMPONENTS


def test_the_types_of_templates_exist() -> None:
    assert [token for token in sorted(TEMPLATES) if inputs(token) is None] == []


def test_no_component_has_a_type_that_a_rule_or_the_sandbox_takes_for_a_resource() -> None:
    of_rules = {kind.partition(":")[0] for rule in RULES for kind in rule.types | rule.about} - {
        "*",
        "pipe",
        "pulumi",
    }
    assert of_rules | {package.name for package, _ in packages()} == PACKAGES
