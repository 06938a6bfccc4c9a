"""Tests of the proof that a difference cannot reach a program."""

import shutil
from pathlib import Path

import pytest

from review.programs.file_states import find_differing
from review.programs.imports import program_files
from review.programs.reach import SEARCH_TOP, may_differ, reads_any_file
from tests.support.rows import each_row

ROOT = Path(__file__).parents[4]

MAIN = "import sys\nfrom pathlib import Path\n" + SEARCH_TOP + "\nimport pulumi\nfrom shop import api\n"

FILES = {
    "Pulumi.yaml": "name: main\n",
    "Pulumi.dev.yaml": "config: {}\n",
    "__main__.py": "from shop import store\n",
    "shop/__init__.py": "",
    "shop/api.py": "VALUE = getattr(object(), 'value', 1)\n",
    "shop/store.py": "VALUE = 1\n",
    "libs/rules.py": "VALUE = 1\n",
    "base/Pulumi.yaml": "name: base\n",
    "base/Pulumi.dev.yaml": "config: {}\n",
    "base/__main__.py": MAIN,
    "base/data.txt": "one\n",
}
"""A tree with the project base/, whose program imports `shop` and `shop.api`."""

Trees = tuple[Path, Path]


def write(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def new_trees(folder: Path) -> Trees:
    """Return a base and a head with the same files, in place of those of the row before."""
    for side in ("one", "two"):
        shutil.rmtree(folder / side, ignore_errors=True)
        for name, text in FILES.items():
            write(folder / side, name, text)
    return folder / "one", folder / "two"


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Provide a base and a head with the same files."""
    return new_trees(tmp_path)


def differs(trees: Trees) -> bool:
    base, head = trees
    return may_differ((base / "base", head / "base"), trees)


@each_row(
    "name, is_reached",
    [
        ("shop/store.py", False),
        ("libs/rules.py", False),
        ("libs/new.py", False),
        ("Pulumi.dev.yaml", False),
        ("__main__.py", False),
        ("README.md", False),
        (".github/workflows/deploy.yml", False),
        ("shop/api.py", True),
        ("shop/api/__init__.py", True),
        ("shop/data.json", True),
        ("shop/part/data.json", True),
        ("base/new.txt", True),
        ("semver.py", True),
        ("semver/__init__.py", True),
        ("libs/rules.pyc", True),
        ("some.dist-info/entry_points.txt", True),
    ],
)
def test_a_file_reaches_the_programs_that_import_it_or_lie_above_it(
    name: str, is_reached: bool, tmp_path: Path
) -> None:
    trees = new_trees(tmp_path)
    assert not differs(trees)
    write(trees[1], name, "x = 2\n")
    assert differs(trees) is is_reached


def test_a_folder_with_the_name_of_an_installed_package_reaches_every_program(trees: Trees) -> None:
    for tree in trees:
        write(tree, "grpc/__init__.py", "")
    assert not differs(trees)
    write(trees[1], "grpc/aio.py", "x = 1\n")
    assert differs(trees)


@each_row(
    "code",
    [
        "import importlib\nimportlib.import_module('libs.rules')",
        "import importlib as loader",
        "from importlib import import_module",
        "import sys\nsys.path.insert(0, 'libs')\nimport rules",
        "from collections import _sys",
        "import dataclasses\ndataclasses.sys.path.append('libs')",
        "import dataclasses\nmatch dataclasses:\n    case object(sys=s):\n        s.path.append('libs')",
        "__import__('libs.rules')",
        "import runpy",
        "exec('import libs.rules')",
        "eval(compile('1', '', 'eval'))",
        "from shop import *",
        "def __getattr__(name):\n    return name",
        "__path__ = ['libs']",
        "x = print.__globals__",
        "open('libs/rules.py')",
        "import os",
        "from pathlib import Path\nPath('libs/rules.py').read_text()",
        "from pathlib import Path\nx = Path(__file__)",
        "import pathlib",
        "import requests",
        "import pulumi\npulumi.FileAsset('libs/rules.py')",
        "from pulumi import FileAsset as asset",
        "import pulumi.automation",
        "import pulumi\npulumi.StackReference('o/main/dev')",
        "import pulumi_kubernetes",
        "name = 'Fi' + 'le'\nimport pulumi\ngetattr(pulumi, name)",
        "x = map(getattr, [], [])",
        "import pulumi\ngetattr(pulumi, 'FileAsset')",
        "class Model:\n    x: 'open(\"libs/rules.py\")'",
        "import yaml\nyaml.unsafe_load('')",
        "x = " + "-" * 20_000 + "1",
        "def",
        "def load(x: open('libs/rules.py').read()):\n    return x",
        "from pathlib import Path\ndef load(x: other[Path]):\n    return x",
        "def load() -> exec('import libs.rules'):\n    return 1",
        "import yaml\nyaml.constructor.UnsafeConstructor()",
        "import shlex\nshlex.shlex('')",
        "from pydantic import BaseModel\nBaseModel.parse_file('libs/rules.py')",
        "from pulumi_aws._utilities import lazy_import",
        "from pydantic._internal import _validators",
        "from pathlib import Path\nclass Model:\n    file: 'Path'",
        "from pathlib import Path\nclass Model:\n    file: Path",
    ],
)
def test_code_that_may_read_files_which_it_does_not_import_reads_all(code: str, tmp_path: Path) -> None:
    trees = new_trees(tmp_path)
    for tree in trees:
        write(tree, "shop/api.py", f"{code}\n")
    assert not differs(trees)
    write(trees[1], "libs/rules.py", "VALUE = 2\n")
    assert differs(trees)


@each_row(
    "code",
    [
        "import re\nx = re.compile('open close')",
        "'''Open the file (see os.path) with open().'''",
        "import shlex\nx = shlex.quote('a b')",
        "LABEL = 'app.kubernetes.io/name'",
        "from pathlib import Path\ndef load(path: Path | None) -> str:\n    return path.read_text()",
        "import yaml\nx = yaml.load('', Loader=yaml.CSafeLoader)",
        "class A(Exception):\n    def __init__(self):\n        super().__init__(self.__class__.__name__)",
    ],
)
def test_code_without_such_a_name_reads_what_it_imports(code: str, tmp_path: Path) -> None:
    trees = new_trees(tmp_path)
    for tree in trees:
        write(tree, "shop/api.py", f"{code}\n")
    write(trees[1], "libs/rules.py", "VALUE = 2\n")
    assert not differs(trees)


@each_row("name", ["libs/__main__.py", "base/part/__main__.py", "base/part.py"])
def test_only_the_program_itself_may_search_the_top(name: str, tmp_path: Path) -> None:
    trees = new_trees(tmp_path)
    for tree in trees:
        module = ".".join(Path(name).with_suffix("").parts)
        write(tree, name, MAIN)
        write(tree, "shop/api.py", f"import {module}\n")
    write(trees[1], "libs/rules.py", "VALUE = 2\n")
    assert differs(trees)


def test_the_mode_of_a_file_counts(trees: Trees) -> None:
    (trees[1] / "base" / "data.txt").chmod(0o755)
    assert differs(trees)
    assert find_differing(*trees) == {Path("base/data.txt")}


def test_a_link_in_place_of_an_equal_file_counts(trees: Trees) -> None:
    write(trees[0], "libs/data.txt", FILES["base/data.txt"])
    write(trees[1], "libs/data.txt", FILES["base/data.txt"])
    (trees[1] / "base" / "data.txt").unlink()
    (trees[1] / "base" / "data.txt").symlink_to("../libs/data.txt")
    assert differs(trees)


def test_a_file_behind_a_link_counts(trees: Trees) -> None:
    for tree in trees:
        (tree / "base" / "libs").symlink_to("../libs")
    write(trees[1], "libs/new.py", "")
    assert differs(trees)


def test_the_program_of_the_top_folder_reads_every_file(trees: Trees) -> None:
    assert not may_differ(trees, trees)
    write(trees[1], "README.md", "x")
    assert may_differ(trees, trees)


def test_a_new_project_and_a_removed_one_differ(trees: Trees) -> None:
    assert may_differ((None, trees[1] / "base"), trees)
    assert may_differ((trees[0] / "base", None), trees)


def test_another_lazy_sdk_may_read_every_file(trees: Trees) -> None:
    for tree in trees:
        write(tree, "shop/api.py", "import lazy_sdk\n")
        shutil.copyfile(ROOT / "lazy_sdk.py", tree / "lazy_sdk.py")
    write(trees[1], "libs/rules.py", "VALUE = 2\n")
    assert not differs(trees)
    for tree in trees:
        with (tree / "lazy_sdk.py").open("a") as file:
            file.write("import libs.rules\n")
    assert differs(trees)


def test_foundation_reads_only_what_it_imports(tmp_path: Path) -> None:
    """A review of a pull request that changes other components must not evaluate foundation."""
    for name in ("__main__.py", "lazy_sdk.py", "eks_versions.py", "components", "foundation"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, tmp_path / name)
    files = program_files(tmp_path, tmp_path / "foundation")
    assert not reads_any_file(tmp_path, tmp_path / "foundation", files)
    assert Path("components/aws/cluster.py") not in files
    assert (tmp_path / "components" / "aws" / "cluster.py").exists()
