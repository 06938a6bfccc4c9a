"""Tests that docs/fidelity.md names the checks of each resource type and their limits."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate

from tests.support.sandbox.fidelity import DOCUMENT, KUBERNETES, ROOT, generated_end, rows

SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


def test_the_document_ends_with_the_generated_tables() -> None:
    assert DOCUMENT.read_text().endswith(f"\n\n{generated_end()}"), "make schema writes it again"


def test_the_table_has_each_type_of_the_local_apis() -> None:
    for package in ("cloudflare", "datadog"):
        file = ROOT / "sandbox" / "providers" / package / "resource_types.toml"
        assert set(tomllib.loads(file.read_text())["api"]) <= set(rows())


def test_no_cell_of_the_table_is_empty() -> None:
    assert len(rows()) > 60
    assert not [kind for kind, (checked, unchecked) in rows().items() if not checked or not unchecked]


def schemas(version: str) -> dict[str, Any]:
    """Return the published schemas of the program's types and of their parts, without the descriptions."""
    definitions = json.loads((SCHEMAS / f"v{version}.0-local-strict" / "_definitions.json").read_text())[
        "$defs"
    ]
    pending = [f"io.k8s.api.{re.sub('[/:]', '.', kind.replace('.k8s.io', ''))}" for kind in KUBERNETES]
    used: dict[str, Any] = {}
    while pending:
        name = pending.pop()
        if name not in used:
            content = json.dumps(definitions[name])
            used[name] = json.loads(content, object_hook=_without_descriptions)
            pending += re.findall(r'#/\$defs/([\w.-]+)"', content)
    return used


def _without_descriptions(schema: dict[str, Any]) -> dict[str, Any]:
    # For a property named "description", the value is a schema (an object) and not a string.
    return {key: item for key, item in schema.items() if key != "description" or not isinstance(item, str)}


def test_the_document_names_the_fields_that_the_control_plane_does_not_know() -> None:
    old, new = schemas("1.34"), schemas("1.35")
    different = {name.rpartition(".")[2] for name in new if old.get(name) != new[name]}
    assert different == {
        "PodSpec",  # workloadRef
        "WorkloadReference",
        "PodCertificateProjection",  # userAnnotations
        "PodFailurePolicyOnPodConditionsPattern",  # status
    }
    assert old.keys() < new.keys()
    text = DOCUMENT.read_text()
    for field in ("workloadRef", "userAnnotations", "podFailurePolicy.onPodConditions"):
        assert f"`{field}`" in text
