"""docs/sandbox.md says of every resource type who checks it, and what nobody checks."""

import tomllib

from tests.sandbox.fidelity import DOCUMENT, ROOT, rows, table


def test_the_document_ends_with_the_table_that_the_targets_own_tables_make() -> None:
    assert DOCUMENT.read_text().endswith(f"\n\n{table()}"), "make schema writes it again"


def test_each_type_that_a_target_knows_is_in_it() -> None:
    for package in ("cloudflare", "datadog"):
        known = tomllib.loads((ROOT / "sandbox" / "providers" / f"{package}.toml").read_text())["api"]
        assert set(known) <= set(rows())


def test_every_row_says_something() -> None:
    assert len(rows()) > 60
    assert not [kind for kind, (by, not_by) in rows().items() if not by or not not_by]
