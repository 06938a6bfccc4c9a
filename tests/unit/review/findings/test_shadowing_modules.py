"""Tests of findings about new modules that a deployment imports in place of existing ones."""

import shutil
from pathlib import Path

from review.findings.guard_findings import WEAKENED, apply_approval
from review.findings.shadowing_modules import find_shadowing
from tests.support.rows import each_row

FILES = ("Pulumi.yaml", "Pulumi.dev.yaml", "base/Pulumi.yaml", "base/Pulumi.dev.yaml", "tools.py", "six.py")
STACKS = ["dev", "base/dev"]

ROWS: list[tuple[str, str, str, list[str]]] = [
    ("psutil.py", "psutil.py", "the installed package psutil", STACKS),
    ("grpc/__init__.py", "grpc", "the installed package grpc", STACKS),
    (
        "yaml.cpython-311-x86_64-linux-gnu.so",
        "yaml.cpython-311-x86_64-linux-gnu.so",
        "the installed package yaml",
        STACKS,
    ),
    ("json.py", "json.py", "Python's module json", STACKS),
    ("argparse/__init__.py", "argparse", "Python's module argparse", STACKS),
    ("sitecustomize.pyc", "sitecustomize.pyc", "Python's module sitecustomize", STACKS),
    ("base/psutil.py", "base/psutil.py", "the installed package psutil", ["base/dev"]),
    ("google/protobuf.py", "google", "the installed package google", STACKS),
    ("yaml/notes.md", "", "", []),
    ("json.md", "", "", []),
    ("prices.py", "", "", []),
    ("tools/json.py", "", "", []),
    ("six.py", "", "", []),
]
"""A file that the head adds, the module's file or folder, the module that it replaces, and the stacks."""


@each_row("file, entry, place, stacks", ROWS)
def test_a_new_module_with_the_name_of_another_is_a_finding(
    file: str, entry: str, place: str, stacks: list[str], tmp_path: Path
) -> None:
    for side, files in (("one", FILES), ("two", (*FILES, file))):
        for name in files:
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text(f"name: {side}\n")
    findings = [*find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")]
    assert [stack for finding in findings for stack in finding.stacks] == stacks
    message = (
        f"{entry}: the pull request adds this module; a deployment imports it in place of {place}, and the "
        "review does not evaluate it"
    )
    assert {finding.message for finding in findings} == ({message} if place else set())
    assert all(finding.policy == WEAKENED and finding.blocks for finding in findings)
    assert not any(apply_approval(finding, "owner").blocks for finding in findings)
    for side in ("one", "two"):
        shutil.rmtree(tmp_path / side)
