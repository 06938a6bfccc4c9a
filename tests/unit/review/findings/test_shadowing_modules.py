"""Tests of findings about new modules that a deployment imports in place of existing ones."""

import shutil
import sysconfig
from pathlib import Path

import pytest

from review.findings import shadowing_modules
from review.findings.guard_findings import WEAKENED, apply_approval
from review.findings.shadowing_modules import find_importers, find_shadowing
from tests.support.rows import each_row

FILES = (
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "base/Pulumi.yaml",
    "base/Pulumi.dev.yaml",
    "policies/__main__.py",
    "tools.py",
    "six.py",
    "docs/a.md",
)
STACKS = ["dev", "base/dev"]

ROWS: list[tuple[str, str, str, str, list[str]]] = [
    ("", "psutil.py", "psutil.py", "the installed package psutil", STACKS),
    ("", "grpc/__init__.py", "grpc", "the installed package grpc", STACKS),
    (
        "",
        "yaml.cpython-311-x86_64-linux-gnu.so",
        "yaml.cpython-311-x86_64-linux-gnu.so",
        "the installed package yaml",
        STACKS,
    ),
    ("", "json.py", "json.py", "Python's module json", STACKS),
    ("", "argparse/__init__.py", "argparse", "Python's module argparse", STACKS),
    ("", "sitecustomize.pyc", "sitecustomize.pyc", "Python's module sitecustomize", STACKS),
    # Names that only a function can import, and that Python's list of its modules lacks.
    (
        "",
        "_sysconfigdata__linux_x86_64-linux-gnu.py",
        "_sysconfigdata__linux_x86_64-linux-gnu.py",
        "Python's module _sysconfigdata__linux_x86_64-linux-gnu",
        STACKS,
    ),
    (
        "",
        "_sysconfigdata__darwin_darwin/__init__.py",
        "_sysconfigdata__darwin_darwin",
        "Python's module _sysconfigdata__darwin_darwin",
        STACKS,
    ),
    ("", "_colorize/__init__.py", "_colorize", "Python's module _colorize", STACKS),
    ("", "profiling.py", "profiling.py", "Python's module profiling", STACKS),
    ("", "tzdata/__init__.py", "tzdata", "Python's module tzdata", STACKS),
    ("", "__phello__/__init__.py", "__phello__", "Python's module __phello__", STACKS),
    ("", "test.py", "", "", []),
    ("", "a-b(c.py", "", "", []),
    ("", ".hidden.py", "", "", []),
    ("", "base/psutil.py", "base/psutil.py", "the installed package psutil", ["base/dev"]),
    ("", "google/protobuf.py", "google", "the installed package google", STACKS),
    ("google/x.py", "google/protobuf.py", "google", "the installed package google", STACKS),
    ("google/x.py", "docs/b.md", "", "", []),
    # Of several entries with one name, Python takes the package.
    ("psutil.py/x.txt", "psutil/__init__.py", "psutil", "the installed package psutil", STACKS),
    ("psutil/README", "psutil/__init__.py", "psutil", "the installed package psutil", STACKS),
    ("psutil.py", "psutil/__init__.py", "psutil", "the installed package psutil", STACKS),
    ("psutil/__init__.py", "psutil/linux.py", "", "", []),
    ("", "policies/pathlib.py", "policies/pathlib.py", "Python's module pathlib", STACKS),
    ("", "policies/optional.py", "", "", []),
    ("", "yaml/notes.md", "", "", []),
    ("", "json.md", "", "", []),
    ("", "prices.py", "", "", []),
    ("", "tools/json.py", "", "", []),
    ("", "six.py", "", "", []),
    ("", "docs/b.md", "", "", []),
]
"""A file of both sides, one that the head adds, the module's file or folder, the module that it replaces, and
the stacks with a finding."""


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Provide a folder with one package, in place of those that are installed."""
    package = tmp_path / "packages" / "server" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("try:\n    import optional.parts as parts\nexcept ImportError:\n    parts = None\n")
    monkeypatch.setattr(shadowing_modules, "folders_of_packages", lambda: [tmp_path / "packages"])
    return package


def _write(tree: Path, *files: str) -> None:
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("name: it\n")


@each_row("before, file, entry, place, stacks", ROWS)
def test_a_new_module_with_the_name_of_another_is_a_finding(
    before: str, file: str, entry: str, place: str, stacks: list[str], tmp_path: Path
) -> None:
    both = [*FILES, *filter(None, [before])]
    _write(tmp_path / "one", *both)
    _write(tmp_path / "two", *both, file)
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


@pytest.mark.parametrize("file", ["optional.py", "optional/__init__.py", "optional/parts.py"])
def test_a_new_module_that_a_package_imports_if_it_exists_is_a_finding(file: str, tmp_path: Path) -> None:
    _write(tmp_path / "one", *FILES)
    _write(tmp_path / "two", *FILES, f"base/{file}", "base/other.py")
    [finding] = find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")
    assert (finding.stacks, finding.blocks) == (["base/dev"], True)
    assert finding.message == (
        f"base/{file.partition('/')[0]}: the pull request adds this module; server/__init__.py imports a "
        "module of this name if there is one, and the review does not evaluate it"
    )


def test_a_module_whose_name_is_no_identifier_is_a_finding_if_a_package_imports_it(
    packages: Path, tmp_path: Path
) -> None:
    packages.write_text("import_module('fast-path+')")
    _write(tmp_path / "one", *FILES)
    _write(tmp_path / "two", *FILES, "base/fast-path+.py")
    [finding] = find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")
    assert finding.name == "base/fast-path+.py"


def test_a_module_that_becomes_a_package_is_the_same_module(packages: Path, tmp_path: Path) -> None:
    packages.write_text("import versions")
    _write(tmp_path / "one", *FILES, "versions.py")
    _write(tmp_path / "two", *FILES, "versions/__init__.py")
    for side in ("one", "two"):
        (tmp_path / side / "main.py").write_text("import versions")
    assert [*find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")] == []


def test_a_new_module_that_the_base_would_import_is_a_finding(tmp_path: Path) -> None:
    _write(tmp_path / "one", *FILES)
    _write(tmp_path / "two", *FILES, "hooks.py")
    (tmp_path / "one" / "main.py").write_text("try:\n    import hooks\nexcept ImportError:\n    pass\n")
    assert {item.name for item in find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")} == {"hooks.py"}


@pytest.mark.parametrize("name", ["zz-1.0.dist-info", "base/Zz.EGG-INFO", "policies/zz.egg-info"])
def test_new_or_changed_metadata_of_a_package_is_a_finding(name: str, tmp_path: Path) -> None:
    _write(tmp_path / "one", *FILES)
    _write(tmp_path / "two", *FILES, f"{name}/entry_points.txt")
    findings = [*find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")]
    assert {finding.name for finding in findings} == {name}
    assert findings[0].message == (
        f"{name}: the pull request adds this metadata; packages run the modules that it names, and the "
        "review does not evaluate it"
    )
    _write(tmp_path / "one", f"{name}/entry_points.txt")
    assert [*find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")] == []
    (tmp_path / "two" / name / "entry_points.txt").write_text("[pydantic]\nzz = components.zz\n")
    assert {finding.name for finding in find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")} == {name}


def test_a_link_to_a_module_is_a_module(tmp_path: Path) -> None:
    for side in ("one", "two"):
        _write(tmp_path / side, *FILES, "docs/x.py")
    (tmp_path / "two" / "psutil.py").symlink_to("docs/x.py")
    [finding, _] = find_shadowing(STACKS, tmp_path / "one", tmp_path / "two")
    assert finding.name == "psutil.py"


SOURCES = (
    ("import it", True),
    ("import os, it.part as x", True),
    ("def f():\n    from it import x", True),
    ("import_module('it.part')", True),
    ("x = util.find_spec(\n    'it')", True),
    ("__import__('it')", True),
    ('"""Take the data\nfrom it or\nimport it."""', False),
    ("from .it import x", False),
    ("from . import it", False),
    ("from os import it", False),
    ("import item", False),
    ("important('their')", False),
    ("lazy_import('it')", False),
    ("import it\nx = " + "-" * 20_000 + "1", False),  # no parser has so deep a stack
    ("exec 'import it'", False),
    ("# this file was generated by us\nimport it", False),
    ("'\0'\nimport it", False),
)
"""Source code, and whether it imports the module `it`."""


@each_row("source, imports", SOURCES)
def test_only_code_imports_a_module(source: str, imports: bool, packages: Path) -> None:
    packages.write_text(source)
    importers = find_importers({"it", "another"}, [packages.parent])
    assert importers == ({"it": "__init__.py"} if imports else {})


def test_the_optional_modules_of_installed_packages_are_known() -> None:
    installed = Path(sysconfig.get_path("purelib"))
    importers = find_importers(
        {"grpc_tools", "fast_semver_rs_backend"}, [installed / "grpc", installed / "semver"]
    )
    assert importers.keys() == {"grpc_tools", "fast_semver_rs_backend"}
