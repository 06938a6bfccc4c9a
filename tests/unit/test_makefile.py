"""Tests of the Makefile's targets and their errors."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Provide a folder without installed packages."""
    for name in ("Makefile", "requirements-dev.txt", "Pulumi.dev.yaml", "Pulumi.stg.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def installed(tree: Path) -> Path:
    """Provide a folder with installed packages, whose `python` prints its arguments."""
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$*"\n')
    python.chmod(0o755)
    (tree / ".venv" / ".ready").touch()
    os.utime(tree / "requirements-dev.txt", (0, 0))
    return tree


def make(tree: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        ["make", *arguments],
        cwd=tree,
        env=os.environ | {"MAKEFLAGS": "", "MAKELEVEL": "0", "FLAGS": ""} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_make_alone_lists_every_task(tree: Path) -> None:
    code, output = make(tree)
    tasks = re.findall(r"^([a-z-]+):.* ## ", (tree / "Makefile").read_text(), re.MULTILINE)
    assert code == 0
    assert {"sandbox", "test", "check", "bench", "validate", "preview", "down", "clean"} <= set(tasks)
    assert re.findall(r"^  make ([a-z-]+) ", output, re.MULTILINE) == tasks


def test_an_unreachable_package_registry_is_reported_and_nothing_counts_as_installed(tree: Path) -> None:
    (tree / "requirements-dev.txt").write_text(f"pipe-absent==1 --hash=sha256:{64 * '0'}\n")
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    code, output = make(tree, "validate", **unreachable, PIP_NO_CACHE_DIR="1")
    assert code == 2
    assert (
        "error: the Python packages could not be installed; the package registry must be reachable" in output
    )
    assert not (tree / ".venv" / ".ready").exists()


def test_an_old_python_is_reported_with_the_remedy(tree: Path) -> None:
    old = tree / "old-python"
    pretend = "import sys; sys.version_info = (3, 9, 18); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nshift; exec python3 -c "{pretend}" "$@"\n')
    old.chmod(0o755)
    code, output = make(tree, "validate", f"PYTHON={old}")
    assert code == 2
    assert f"{old} is Python 3.9; 3.11 or newer is needed: set PYTHON=" in output


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["sandbox"], "up dev --providers auto"),
        (["sandbox", "STACK=prod", "TARGETS=none"], "up prod --targets none --providers auto"),
        (["sandbox", "PROVIDERS=real", "FLAGS=--no-policies"], "up dev --providers real --no-policies"),
        (["preview", "STACK=stg"], "preview stg --providers auto"),
        (["down", "STACK=stg", "FLAGS=--keep-targets"], "down stg --keep-targets"),
        (["down", "STACK=stg", "ROLE=operators"], "down stg --role operators"),
        (["console", "ROLE=operators"], "console dev --role operators"),
        (["clean", "STACK=foundation/shared"], "clean foundation/shared"),
        (["console", "STACK=prod"], "console prod"),
        (["refresh", "STACK=stg"], "refresh stg --providers auto"),
        (["control-plane"], "control-plane"),
    ],
)
def test_a_task_passes_its_variables_on(installed: Path, arguments: list[str], command: str) -> None:
    code, output = make(installed, *arguments)
    assert (code, output.split()) == (0, ["-m", "sandbox", *command.split()])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["clean"], "make clean needs a stack, since it deletes: write STACK= and one of dev stg"),
        (["down", "STACK="], "make down needs a stack, since it deletes: write STACK= and one of dev stg"),
        (["clean", "stg"], "a stack is not a task; write make clean STACK=stg"),
        (["sandbox", "stg"], "a stack is not a task; write make sandbox STACK=stg"),
        (["clean", "stack=stg"], "unknown variable stack=stg; write STACK=stg"),
        (["sandbox", "targets=none"], "unknown variable targets=none; write TARGETS=none"),
        (
            ["sandbox", "STACK=dev", "sgt"],
            "there is no task sgt; a stack is named with STACK=, and make alone",
        ),
    ],
)
def test_a_mistyped_stack_is_refused_before_any_task_runs(
    installed: Path, arguments: list[str], error: str
) -> None:
    code, output = make(installed, *arguments)
    assert (code, "-m sandbox" in output) == (2, False)
    assert f"*** {error}" in output


def test_a_stack_named_by_the_environment_may_be_deleted(installed: Path) -> None:
    code, output = make(installed, "clean", STACK="stg")
    assert (code, output.split()) == (0, ["-m", "sandbox", "clean", "stg"])


def test_each_lane_has_a_task_and_together_they_run_each_test_once(installed: Path) -> None:
    folder = installed / "tests" / "unit"
    folder.mkdir(parents=True)
    (folder / "test_with_drill.py").write_text("@pytest.mark.drill\ndef test_slow() -> None: ...\n")
    (folder / "test_without.py").write_text("def test_quick() -> None: ...\n")
    code, output = make(installed, "test", "test-all", "PYTHON=true")
    runs = [line for line in output.splitlines() if line.startswith("-m pytest")]
    assert code == 0
    assert [run.partition(" -m ")[2].rpartition(" -m ")[2] for run in runs] == [
        "not drill tests/unit tests/engine tests/test_lanes.py",
        "drill tests/drills tests/unit/test_with_drill.py",
    ]
    unit = "-m pytest -n 3 --dist loadscope --no-loadscope-reorder -m not engine and not drill"
    code, output = make(installed, "test-unit", "FLAGS=-x")
    assert (code, output) == (0, f"{unit} -x tests/unit tests/test_lanes.py\n")
    code, output = make(installed, "test-unit", "FLAGS=tests/unit/test_makefile.py")
    assert (code, output) == (0, f"{unit} tests/unit/test_makefile.py\n")


def test_make_schema_runs_every_generator(installed: Path) -> None:
    for folder in ("docs", "schemas"):
        (installed / folder).mkdir()
    code, output = make(installed, "schema")
    files = [*installed.glob("schemas/*.json"), *installed.glob("docs/*.md")]
    written = {str(file.relative_to(installed)): file.read_text() for file in files}
    assert code == 0
    assert written == {
        "schemas/stack-file.schema.json": "-m components.settings --schema\n",
        "schemas/review-report.schema.json": "-m tools.report_schema\n",
        "docs/policies.md": "-m policies.engine.documentation\n",
    }
    others = (
        "tests.support.policies.pages",
        "tests.support.sandbox.fidelity",
        "tools.documents.generate_docs",
    )
    assert output.splitlines() == [f"-m {module}" for module in others]


def test_make_schema_writes_nothing_through_a_link(installed: Path) -> None:
    (installed / "docs").mkdir()
    (installed / "schemas").mkdir()
    (installed / "docs" / "policies.md").symlink_to("../Makefile")
    subprocess.run(["git", "init", "--quiet"], cwd=installed, check=True)
    subprocess.run(["git", "add", "docs"], cwd=installed, check=True)
    before = (installed / "Makefile").read_text()
    code, output = make(installed, "schema")
    assert code == 2
    assert "docs/policies.md\nerror: these generated files" in output
    assert (installed / "Makefile").read_text() == before
    assert not [*installed.glob("schemas/*")]


def test_make_current_fails_if_a_file_of_any_folder_changes(installed: Path) -> None:
    for folder in ("docs", "schemas", "scripts"):
        (installed / folder).mkdir()
    (installed / "scripts" / "deploy.sh").write_text("")
    subprocess.run(["git", "init", "--quiet"], cwd=installed, check=True)
    assert make(installed, "schema")[0] == 0
    subprocess.run(["git", "add", "docs", "schemas", "scripts"], cwd=installed, check=True)
    assert make(installed, "current")[0] == 0
    python = installed / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$*"\necho >> scripts/deploy.sh\n')
    code, output = make(installed, "current")
    assert code == 2
    assert " scripts/deploy.sh | " in output
    assert "error: run make schema, and commit the changed files" in output


@pytest.mark.parametrize("task", ["test-drills", "test-all"])
def test_missing_programs_of_the_drills_are_reported_before_any_installation(tree: Path, task: str) -> None:
    python = tree / "python"
    python.write_text('#!/bin/sh\necho "error: the drills need nginx: $*" >&2\nexit 2\n')
    python.chmod(0o755)
    code, output = make(tree, task, f"PYTHON={python}")
    assert code == 2
    assert output.splitlines()[0] == "error: the drills need nginx: -m tests.support.drills.tools"
    assert not (tree / ".venv").exists()


def test_check_only_checks_and_format_changes_files(installed: Path) -> None:
    for name in ("ruff", "lint-imports", "basedpyright"):
        program = installed / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "{name} $*"\n')
        program.chmod(0o755)
    code, output = make(installed, "check")
    assert code == 0
    assert output.splitlines() == [
        "ruff format --check .",
        "ruff check .",
        "-m tools.check_style",
        "lint-imports --no-cache --no-logo",
        "-m tools.check_workflows",
        "basedpyright --warnings",
    ]
    assert make(installed, "format")[1].splitlines() == ["ruff format .", "ruff check --fix ."]


def test_a_scan_of_the_committed_code_finds_nothing_unsafe() -> None:
    """Check the rules of flake8-bandit (S), which `make check` and `make scan` include."""
    command = [ROOT / ".venv" / "bin" / "ruff", "check", "--output-format", "concise", "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in settings["select"]


def test_make_exits_with_2_for_every_failure_as_documented(installed: Path) -> None:
    python = installed / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    assert make(installed, "review")[0] == 2
    text = " ".join((ROOT / "README.md").read_text().split())
    assert "make exits with 2 for every failure" in text
    assert (
        "exits with 0 if nothing blocks, with 1 if a finding blocks, and with 2 if it could not run." in text
    )


def test_the_readme_describes_each_lane_and_the_checks() -> None:
    text = (ROOT / "README.md").read_text()
    for task in ("test-unit", "test", "test-all"):
        assert f"\n| `make {task}` |" in text
    assert "It changes no file; `make format`" in text
    assert "`pre-commit install`" in text
