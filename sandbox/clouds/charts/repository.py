"""The charts of the repository, as archives, and its index.

Each chart is small: its templates create the main objects of the chart that it stands in for, and it accepts
the same values. Its archive has the version that the client asks for.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sandbox.wire import json_schema

CHARTS = Path(__file__).parent
NAMES = ("datadog",)
"""The charts: folders with values.yaml and templates."""

ARCHIVE = re.compile(rf"({'|'.join(NAMES)})-(\d[\w.+-]*)\.tgz")


def index(versions: Iterable[str]) -> bytes:
    """Return the index of a repository that has each chart in each version.

    Helm takes an entry with exactly the version of a release (helm/helm, pkg/repo/index.go: IndexFile.Get),
    and it reads an index in JSON, too.
    """
    entries = {
        name: [{**_metadata(name, version), "urls": [f"{name}-{version}.tgz"]} for version in versions]
        for name in NAMES
    }
    return json.dumps({"apiVersion": "v1", "entries": entries}).encode()


def archive(file_name: str) -> bytes | None:
    """Return the archive of a chart, such as `datadog-3.273.1.tgz`; None if there is no such chart."""
    match = ARCHIVE.fullmatch(file_name)
    if match is None:
        return None
    name, version = match.groups()
    files = {
        "Chart.yaml": json.dumps(_metadata(name, version)).encode(),  # JSON is valid YAML.
        "values.schema.json": json.dumps(_values_schema()).encode(),
    }
    for file in sorted((CHARTS / name).rglob("*.yaml")):
        files[str(file.relative_to(CHARTS / name))] = file.read_bytes()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def _metadata(name: str, version: str) -> dict[str, Any]:
    return {"apiVersion": "v2", "name": name, "version": version, "type": "application"}


def _values_schema() -> dict[str, Any]:
    """Return the JSON Schema of the values of Datadog's chart, with which the stand-in checks a release."""
    values: dict[str, Any] = json_schema.load("helm_release")["then"]["properties"]["values"]
    return {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", **values}
