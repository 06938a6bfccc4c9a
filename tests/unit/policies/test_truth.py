"""Tests that compare the verdicts of the rules with the texts of the controls."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import date
from typing import Any, cast

import pytest

from policies.engine.catalog import BY_NAME, RULES
from policies.model.property_marks import SecretValue
from policies.model.property_values import Value
from policies.rules.aws import eks
from policies.rules.datadog import alert_silence
from tests.support.policies.pytest_fixtures import secret
from tests.support.policies.truth import Case, cases
from tests.support.rows import check_rows, each_row

CASES = cases()
BY_RULE: defaultdict[str, list[Case]] = defaultdict(list)
for _case in CASES:
    BY_RULE[_case.rule].append(_case)


@pytest.fixture(autouse=True)
def day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the current day to the day for which the tables are written."""
    for module in (eks, alert_silence):
        monkeypatch.setattr(module, "utc_day", lambda: date(2026, 12, 3))


@pytest.mark.parametrize("rule", sorted(BY_RULE))
def test_a_rule_returns_the_verdicts_of_its_controls_with_these_messages(rule: str) -> None:
    def check(case: Case) -> None:
        assert case.evaluate() == (case.verdict, case.messages)

    check_rows(((str(case), case) for case in BY_RULE[rule]), check)


@each_row("case", CASES, ids=str)
def test_a_case_names_a_control_that_its_rule_maps(case: Case) -> None:
    assert [control for control in case.controls if control not in BY_NAME[case.rule].controls] == []


def test_there_are_cases_of_every_provider_and_verdict() -> None:
    assert len(CASES) >= 250
    for provider in ("aws", "kubernetes", "cloudflare", "datadog"):
        verdicts = {case.verdict for case in CASES if case.provider == provider}
        assert verdicts == {"pass", "violation", "unknown", "not applicable"}


@each_row("rule", [rule.name for rule in RULES])
def test_every_rule_has_a_violation_and_another_verdict(rule: str) -> None:
    verdicts = {case.verdict for case in BY_RULE[rule]}
    assert "violation" in verdicts
    assert verdicts & {"pass", "not applicable"}


def within_mark(value: Any) -> Any:
    """Return a copy in which every JSON object in a text also has the members of a secret."""
    if type(value) is SecretValue:
        return SecretValue(within_mark(value.value))
    if isinstance(value, dict):
        return {key: within_mark(child) for key, child in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [within_mark(child) for child in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.dumps({**json.loads(value), **secret({})})
        except ValueError:
            return value
    return value


def test_a_rule_judges_the_whole_text_that_has_the_mark_of_a_secret() -> None:
    marked: list[tuple[Case, Case]] = []
    for case in CASES:
        props = [within_mark(resource.props.get()) for resource in case.resources]
        if props != [resource.props.get() for resource in case.resources]:
            resources = tuple(
                replace(resource, props=Value(new), memo={})
                for resource, new in zip(case.resources, props, strict=True)
            )
            marked.append((case, replace(case, resources=resources)))
    assert len({case.rule for case, _ in marked}) > 20
    for case, other in marked:
        # A rule may refuse the further members.
        assert other.evaluate()[0] in (case.verdict, "violation"), str(case)
