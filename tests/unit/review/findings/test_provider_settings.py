"""Tests of findings about settings of providers whose effect is unknown."""

import json
from pathlib import Path

from review.findings.provider_settings import find_unexplained
from review.stacks.engine_run import EngineRun, Step, read
from review.stacks.stack import Stack
from tests.support.review.stacks import resource


def test_a_setting_whose_effect_is_unknown_blocks(tmp_path: Path) -> None:
    provider = resource("pulumi:providers:aws", "east")
    file = tmp_path / "lookups.jsonl"
    file.write_text(json.dumps({"provider": provider.urn, "unexplained": ["profile", "endpoints"]}))
    head = EngineRun(Path(), {provider.urn: Step("update", provider, provider)}).add(read(file))
    [(urn, finding)] = find_unexplained(Stack("dev", head))
    assert (urn, finding.name, finding.policy) == (provider.urn, "east", "provider-setting-changed")
    assert finding.blocks and finding.message.startswith("endpoints, profile: ")


def test_a_stack_without_such_settings_has_no_finding() -> None:
    assert [*find_unexplained(Stack("dev", EngineRun(Path())))] == [*find_unexplained(Stack("dev"))] == []
