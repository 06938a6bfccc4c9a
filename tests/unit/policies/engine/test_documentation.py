import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.engine import controls
from policies.engine.catalog import BY_NAME, RULES
from policies.engine.documentation import render
from tests.support.policies import pages
from tests.support.policies.truth import cases
from tests.support.rows import each_row

DOCUMENT = Path(__file__).parents[4] / "docs" / "policies.md"
PROMISES: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[3] / "support" / "policies" / "controls.yaml").read_text()
)
CASES = cases()


def spelled_out(controls: str) -> Iterator[str]:
    """Yield the controls of a list; `CKV_AWS_18-21` stands for four controls."""
    for word in controls.split():
        series = re.fullmatch(r"(\w+_)(\d+)-(\d+)", word)
        if series:
            first, last = int(series[2]), int(series[3])
            yield from (f"{series[1]}{number}" for number in range(first, last + 1))
        else:
            yield word


CONTROLS = [control for controls in PROMISES["promised"].values() for control in spelled_out(controls)]


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == render(), "run: python -m policies.engine.documentation > docs/policies.md"


def test_every_promised_rule_exists_with_its_controls_and_no_other() -> None:
    assert {rule.name: list(rule.controls) for rule in RULES} == PROMISES["rules"]


@each_row("control", CONTROLS)
def test_every_promised_control_has_a_rule_a_row_and_cases_of_both_verdicts(control: str) -> None:
    covering = {rule.name for rule in RULES if control in rule.controls}
    assert covering
    [row] = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(f"| {control} |")]
    assert {name.strip() for name in row.split("|")[2].split(",")} == covering
    assert {"pass", "violation"} <= {case.verdict for case in CASES if control in case.controls}


def test_every_rule_has_a_row() -> None:
    document = DOCUMENT.read_text()
    assert [rule.name for rule in RULES if f"| [{rule.name}](" not in document] == []


def test_every_rule_has_a_current_page() -> None:
    files = {file.name: file.read_text() for file in pages.PAGES.glob("*.md")}
    expected = pages.pages()
    assert files.keys() == expected.keys(), "run: python -m tests.support.policies.pages"
    stale = [name for name, text in expected.items() if files[name] != text]
    assert stale == [], "run: python -m tests.support.policies.pages"


def test_every_rule_has_a_reason_and_every_control_a_page() -> None:
    assert pages.REASONS.keys() == {rule.name for rule in RULES}
    assert [control for rule in RULES for control in rule.controls if controls.page(control) is None] == []


def test_the_examples_of_a_page_are_rows_of_the_truth_table_with_both_verdicts() -> None:
    for rule in RULES:
        wrong, right = pages.examples(rule)
        assert wrong.evaluate()[0] == "violation", rule.name
        assert right.evaluate()[0] in ("pass", "not applicable"), rule.name


@pytest.mark.parametrize("name", ["eks-administrator-unknown", "iam-trust-other-repository"])
def test_the_right_example_has_the_options_of_the_wrong_one(name: str) -> None:
    wrong, right = pages.examples(BY_NAME[name])
    assert wrong.options and right.options == wrong.options


def test_an_installed_pack_needs_the_versions_that_the_program_needs() -> None:
    project = tomllib.loads((DOCUMENT.parents[1] / "pyproject.toml").read_text())["project"]
    pinned = (DOCUMENT.parents[1] / "requirements.in").read_text()
    exact = [text for text in project["dependencies"] if "==" in text]
    assert exact
    assert [text for text in exact if not re.search(rf"^{re.escape(text)}\b", pinned, re.MULTILINE)] == []
