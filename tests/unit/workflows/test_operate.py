"""What somebody types into the workflow Operate, from the form to the script's arguments."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations import operate
from tests.unit.workflows.test_workflows import ROOT, load

INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")


def step(folder: Path, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """The workflow's step, in a checkout whose scripts only say what they were told."""
    (folder / "scripts").mkdir()
    shutil.copytree(ROOT / "operations", folder / "operations")
    for name in operate.SCRIPTS:
        script = folder / "scripts" / f"{name}.sh"
        script.write_text("#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv))\n")
        script.chmod(0o755)
    [found] = [each for each in load("operate")["jobs"]["operate"]["steps"] if each.get("name") == "Operate"]
    given = {name: INPUT.sub(lambda match: inputs[match[1]], value) for name, value in found["env"].items()}
    return subprocess.run(
        ["bash", "-e", "-c", found["run"]], cwd=folder, env=os.environ | given,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_is_typed_are_a_scripts_arguments_and_nothing_else(tmp_path: Path) -> None:
    arguments = "--to-version '1.4.1 x' $(touch pwned) ; touch pwned"
    done = step(tmp_path, stack="prod", script="rollback", arguments=arguments)
    assert done.returncode == 0, done.stderr
    script, *words = json.loads(done.stdout.splitlines()[-1])
    assert script == str(tmp_path / "scripts" / "rollback.sh")
    said = ["--to-version", "1.4.1 x", "$(touch", "pwned)", ";", "touch", "pwned"]
    assert words == ["prod", *said, "--yes"]
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        ("relocate", "", "'relocate' is none of doctor, migrate, restore, rollback, rotate"),
        ("../x", "", "'../x' is none of doctor, migrate, restore, rollback, rotate"),
        ("rollback", "--to-version '1", "No closing quotation"),
    ],
)
def test_what_is_no_command_runs_nothing(tmp_path: Path, script: str, arguments: str, said: str) -> None:
    done = step(tmp_path, stack="dev", script=script, arguments=arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {said}\n")


def test_the_form_offers_the_scripts_that_operate_a_stack_from_main_alone() -> None:
    found: dict[str, Any] = load("operate")
    assert set(found["on"]) == {"workflow_dispatch"}
    inputs = found["on"]["workflow_dispatch"]["inputs"]
    assert inputs["script"]["options"] == list(operate.SCRIPTS)
    assert inputs["stack"]["options"] == ["dev", "stg", "prod"]
    assert found["jobs"]["operate"]["if"] == "github.ref == 'refs/heads/main'"


@pytest.mark.parametrize("folder", ["docs", "docs/ja"])
def test_the_incident_procedure_says_by_what_each_command_of_the_runbooks_is_run(folder: str) -> None:
    incident = (ROOT / folder / "incident.md").read_text()
    rows = [row for row in incident.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    said = [set(re.findall(r"`([\w. ]+)`", row.split("|")[1])) for row in rows]
    [by_operate] = [words for row, words in zip(rows, said, strict=True) if "operate.yml" in row]
    assert by_operate == {f"{name}.sh" for name in operate.SCRIPTS}
    runbooks = [file.read_text() for file in (ROOT / folder / "runbooks").glob("*.md")]
    named = re.findall(r"scripts/(\w+\.sh)|(kubectl|pulumi up) ", "\n".join([incident, *runbooks]))
    used = {script or program for script, program in named}
    assert used >= {"deploy.sh", "pulumi up"} and used <= set[str]().union(*said)
