"""First previews of the committed stacks, before any resource exists, with the pack and its waivers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.stacks import copy

STACKS = ["dev", "stg", "prod", "foundation/dev", "foundation/stg", "foundation/prod", "foundation/shared"]

Row = dict[str, Any]
Ledger = Callable[[str], list[Row]]

BEFORE_ANYTHING_EXISTS = (
    "s3-policy-any-principal",
    "s3-policy-lockout",
    "tls-bucket-policy-missing-denial",
    "tls-nginx-old-version",
)
"""Rules that read only values that are known from the settings, before any resource exists."""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The ledger of a stack's first preview, which runs once per stack."""
    ledgers: dict[str, list[Row]] = {}

    def read(name: str) -> list[Row]:
        if name not in ledgers:
            folder = tmp_path_factory.mktemp(name.replace("/", "-"))
            file = folder / "ledger.jsonl"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PIPE_POLICY_LEDGER", str(file))
                code, output = copy(folder / "tree", name).run("preview")
            assert code == 0, output
            head, *rows = (json.loads(line) for line in file.read_text().splitlines())
            assert head["run"] == "complete"
            ledgers[name] = rows
        return ledgers[name]

    return read


@pytest.mark.parametrize("stack", STACKS)
def test_no_stack_has_a_violation_without_a_waiver(ledger: Ledger, stack: str) -> None:
    violations = [f"{row['policy']}: {row['urn']}" for row in ledger(stack) if row["verdict"] == "violation"]
    assert violations == []


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("policy", BEFORE_ANYTHING_EXISTS)
def test_policies_and_configuration_files_are_checked_before_anything_exists(
    ledger: Ledger, stack: str, policy: str
) -> None:
    rows = [row for row in ledger(stack) if row["policy"] == policy]
    assert {row["verdict"] for row in rows} <= {"pass", "not applicable"}
    if not (stack.startswith("foundation/") and policy == "tls-nginx-old-version"):
        assert "pass" in {row["verdict"] for row in rows}
