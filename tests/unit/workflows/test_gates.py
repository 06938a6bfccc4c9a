"""Tests of the checks before a commit, on a pull request and before a deployment."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from operations.delivery import checks

ROOT = Path(__file__).parents[3]
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0][
    "hooks"
]


def runs(workflow: str, job: str) -> list[str]:
    """Return the commands of all steps of a job."""
    content = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text())
    return [step["run"] for step in content["jobs"][job]["steps"] if "run" in step]


def test_ci_runs_the_checks_the_scan_and_every_test_once() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    arguments = [word for line in lines if line.startswith("make ") for word in line.split()[1:]]
    tasks = [word for word in arguments if not word.startswith("--")]
    assert tasks == ["packages", "check", "scan", "engine", "control-plane", "test", "test-all"]
    assert "make test test-all" in lines  # Two calls of make would run the tests twice.


def test_a_pull_request_has_the_checks_of_a_deployment() -> None:
    tasks = [command[1] for command in checks.COMMANDS.values()]
    assert tasks == ["check", "test-all", "scan", "bench", "current"]
    assert "scripts/checks.sh dev" in runs("deploy", "test")
    assert {"make check", "make test-unit"} <= set(runs("preview", "quick"))


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_a_hook_passes_on_the_committed_files(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system"
    command = hook["entry"].split()
    files = (
        [] if hook.get("pass_filenames") is False else ["__main__.py", "tests/unit/workflows/test_gates.py"]
    )
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_download_nothing() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert "://" not in text
