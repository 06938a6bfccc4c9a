"""docs/sandbox.md says of every resource type who answers for it, and what nobody checks."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+:[^`]+:\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def table() -> dict[str, tuple[str, str]]:
    """The table: who answers, and what is not checked, by type."""
    rows = ROW.findall((ROOT / "docs" / "sandbox.md").read_text())
    assert len(rows) == len({row[0] for row in rows})
    return {kind: (answers, unchecked) for kind, answers, unchecked in rows}


def test_the_rows_of_aws_are_those_of_the_tables_that_the_target_reads() -> None:
    calls = tomllib.loads((ROOT / "sandbox" / "providers" / "aws_calls.toml").read_text())
    own = {
        kind: ("the sandbox" if row.get("api") == "kept" else "moto", row.get("unchecked", "–"))
        for kind, row in calls.items()
        if kind.startswith("aws:")
    }
    assert {kind: row for kind, row in table().items() if kind.startswith("aws:")} == own


def test_each_type_that_an_api_of_the_sandbox_has_is_in_the_table() -> None:
    for package in ("cloudflare", "datadog"):
        rows = tomllib.loads((ROOT / "sandbox" / "providers" / f"{package}.toml").read_text())["api"]
        assert set(rows) == {kind for kind in table() if kind.startswith(f"{package}:")}
