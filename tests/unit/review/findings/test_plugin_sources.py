"""Tests of providers whose plugin comes from a new address."""

from pathlib import Path
from typing import Any

from review.findings.plugin_sources import find_new_addresses
from review.stacks.engine_run import EngineRun, Step
from review.stacks.stack import Stack
from tests.support.review.stacks import KEY, resource, stack

PROVIDER, ADDRESS = "pulumi:providers:aws", "https://plugins.example"
PLAIN, OLD_FORM = {"region": "x"}, {"pluginDownloadURL": ADDRESS}
INTERNAL = {"__internal": OLD_FORM}


def messages(old: dict[str, Any] | None, new: dict[str, Any] | None, kind: str = PROVIDER) -> list[str]:
    """Return the messages about a provider with these inputs in base and head."""
    before, after = (inputs if inputs is None else resource(kind, "east", inputs) for inputs in (old, new))
    findings = [finding for _, finding in find_new_addresses(stack(Step("update", before, after)))]
    assert all(finding.blocks and finding.name == "east" for finding in findings)
    return [finding.message for finding in findings]


def test_a_new_address_of_a_plugin_blocks() -> None:
    package = f"pluginDownloadURL is {ADDRESS}; before: that of the package"
    for old in (None, PLAIN):
        for new in (OLD_FORM, INTERNAL):
            assert messages(old, new) == [package]
    other = {"__internal": {"pluginDownloadURL": "https://other.example"}}
    assert messages(other, INTERNAL) == [f"pluginDownloadURL is {ADDRESS}; before: https://other.example"]


def test_an_old_or_removed_address_is_no_finding() -> None:
    assert messages(INTERNAL, INTERNAL) == messages(OLD_FORM, INTERNAL) == messages(INTERNAL, PLAIN) == []
    assert messages(INTERNAL, None) == messages(None, PLAIN) == []
    assert messages(None, OLD_FORM, KEY) == []
    default = Step(
        "same", resource(PROVIDER, "default_1", INTERNAL), resource(PROVIDER, "default_1", INTERNAL)
    )
    newer = Step("create", None, resource(PROVIDER, "default_2", INTERNAL))
    assert [*find_new_addresses(stack(default, newer))] == []


def test_every_address_blocks_if_the_base_does_not_evaluate() -> None:
    provider = resource(PROVIDER, "east", INTERNAL)
    base = EngineRun(Path())
    base.phase.errors.append("it fails")
    head = EngineRun(Path(), {provider.urn: Step("same", provider, provider)})
    [(_, finding)] = find_new_addresses(Stack("dev", head, base))
    assert finding.blocks
