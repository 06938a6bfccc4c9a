"""docs/sandbox.md says of every resource type who checks it, and what nobody checks."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate

from tests.support.sandbox.fidelity import DOCUMENT, KUBERNETES, ROOT, rows, table

SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


def test_the_document_ends_with_the_table_that_the_targets_own_tables_make() -> None:
    assert DOCUMENT.read_text().endswith(f"\n\n{table()}"), "make schema writes it again"


def test_each_type_that_a_target_knows_is_in_it() -> None:
    for package in ("cloudflare", "datadog"):
        known = tomllib.loads((ROOT / "sandbox" / "providers" / package / "resource_types.toml").read_text())[
            "api"
        ]
        assert set(known) <= set(rows())


def test_every_row_says_something() -> None:
    assert len(rows()) > 60
    assert not [kind for kind, (by, not_by) in rows().items() if not by or not not_by]


def schemas(version: str) -> dict[str, Any]:
    """The published schemas of the types that the program uses, and of all that is in them, without texts."""
    found = json.loads((SCHEMAS / f"v{version}.0-local-strict" / "_definitions.json").read_text())["$defs"]
    todo = [f"io.k8s.api.{re.sub('[/:]', '.', kind.replace('.k8s.io', ''))}" for kind in KUBERNETES]
    used: dict[str, Any] = {}
    while todo:
        if (name := todo.pop()) not in used:
            used[name] = json.loads(json.dumps(found[name]), object_hook=_without_texts)
            todo += re.findall(r'#/\$defs/([\w.-]+)"', json.dumps(found[name]))
    return used


def _without_texts(one: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in one.items() if not (key == "description" and isinstance(item, str))}


def test_it_says_what_the_release_of_the_stack_files_knows_beyond_that_of_the_control_plane() -> None:
    old, new = schemas("1.34"), schemas("1.35")
    differ = {name.rpartition(".")[2] for name in new if old.get(name) != new[name]}
    assert differ == {
        "PodSpec",  # workloadRef
        "WorkloadReference",
        "PodCertificateProjection",  # userAnnotations
        "PodFailurePolicyOnPodConditionsPattern",  # status
    }
    assert old.keys() < new.keys()
    text = DOCUMENT.read_text()
    for word in ("workloadRef", "userAnnotations", "podFailurePolicy.onPodConditions"):
        assert f"`{word}`" in text
