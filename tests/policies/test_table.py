from pathlib import Path

import pytest

from policies.catalog import RULES
from policies.table import render

DOCUMENT = Path(__file__).parents[2] / "docs" / "policies.md"

# Every control that the pack promises to cover.
CONTROLS = [
    *(f"CKV_K8S_{number}" for number in (*range(8, 24), *range(25, 32), 35, *range(37, 41), 43)),
    "CKV2_K8S_6",
    *(f"CKV_AWS_{number}" for number in (23, 24, 25, 260, 277, 382)),
    *(f"CKV_AWS_{number}" for number in (*range(18, 22), *range(53, 58), 70, 93, *range(143, 146), 300)),
    *(f"CKV2_AWS_{number}" for number in (6, 61, 11, 12)),
    *(f"CKV_AWS_{number}" for number in (37, 38, 39, 58, 100, 339, 130)),
    *(f"CKV_AWS_{number}" for number in (7, 33, 16, 17, 133, 157, 293, 51, 163)),
    "CKV2_AWS_69",
]


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == render(), "run: python -m policies.table > docs/policies.md"


@pytest.mark.parametrize("control", CONTROLS)
def test_every_promised_control_is_covered(control: str) -> None:
    assert any(control in rule.controls for rule in RULES)


def test_every_rule_has_a_row() -> None:
    document = DOCUMENT.read_text()
    assert [rule.name for rule in RULES if f"| [{rule.name}](" not in document] == []
