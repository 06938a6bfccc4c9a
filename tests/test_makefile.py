"""The tasks by name, and what they say where something is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder in which nothing is installed yet."""
    for name in ("Makefile", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(tree: Path, *words: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ["make", *words],
        cwd=tree,
        env=os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0", "FLAGS": ""} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_make_alone_lists_every_task(tree: Path) -> None:
    code, said = make(tree)
    tasks = re.findall(r"^([a-z-]+):.* ## ", (tree / "Makefile").read_text(), re.MULTILINE)
    assert code == 0
    assert {"sandbox", "test", "check", "bench", "validate", "preview", "down", "clean"} <= set(tasks)
    assert re.findall(r"^  make ([a-z-]+) ", said, re.MULTILINE) == tasks


def test_an_unreachable_package_registry_is_named_and_nothing_counts_as_installed(tree: Path) -> None:
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    code, said = make(tree, "validate", **unreachable, PIP_NO_CACHE_DIR="1")
    assert code == 2
    assert "error: the Python packages could not be installed; the package registry must be reachable" in said
    assert not (tree / ".venv" / ".ready").exists()


def test_a_python_that_is_too_old_is_named_with_the_remedy(tree: Path) -> None:
    old = tree / "old-python"
    pretend = "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nshift; exec python3 -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    code, said = make(tree, "validate", f"PYTHON={old}")
    assert code == 2
    assert f"{old} is Python 3.9; 3.11 or newer is needed: set PYTHON=" in said


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["sandbox"], "up dev --providers stand-ins"),
        (["sandbox", "STACK=prod", "TARGETS=none"], "up prod --targets none --providers stand-ins"),
        (["sandbox", "PROVIDERS=real", "FLAGS=--no-policies"], "up dev --providers real --no-policies"),
        (["preview", "STACK=stg"], "preview stg --providers stand-ins"),
        (["down", "FLAGS=--keep-targets"], "down dev --keep-targets"),
        (["clean", "STACK=foundation"], "clean foundation"),
        (["console", "STACK=prod"], "console prod"),
        (["control-plane"], "control-plane"),
    ],
)
def test_a_task_hands_on_what_it_was_given(tree: Path, words: list[str], asked: str) -> None:
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$*"\n')
    python.chmod(0o755)
    code, said = make(tree, "-o", ".venv/.ready", *words)
    assert (code, said.split()) == (0, ["-m", "sandbox", *asked.split()])
