import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from policies.engine.catalog import RULES
from policies.engine.documentation import render
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
