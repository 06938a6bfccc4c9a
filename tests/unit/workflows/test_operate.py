"""Tests of the workflow Operate, from the form to the script's arguments."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflows.test_workflows import ROOT, load
from tools import operate

INPUT = re.compile(r"\$\{\{ inputs\.(\w+) \}\}")


def step(folder: Path, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """Run the workflow's step in a checkout whose scripts print their arguments."""
    (folder / "scripts").mkdir()
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in operate.SCRIPTS:
        script = folder / "scripts" / f"{name}.sh"
        script.write_text("#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv))\n")
        script.chmod(0o755)
    [operate_step] = [
        job_step
        for job_step in load("operate")["jobs"]["operate"]["steps"]
        if job_step.get("name") == "Operate"
    ]
    variables = {
        name: INPUT.sub(lambda match: inputs[match[1]], value) for name, value in operate_step["env"].items()
    }
    return subprocess.run(
        ["bash", "-e", "-c", operate_step["run"]],
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_typed_text_becomes_arguments_and_is_never_executed(tmp_path: Path) -> None:
    arguments = "--to-version '1.4.1 x' $(touch pwned) ; touch pwned"
    done = step(tmp_path, stack="prod", script="rollback", arguments=arguments)
    assert done.returncode == 0, done.stderr
    script, *options = json.loads(done.stdout.splitlines()[-1])
    assert script == str(tmp_path / "scripts" / "rollback.sh")
    typed = ["--to-version", "1.4.1 x", "$(touch", "pwned)", ";", "touch", "pwned"]
    assert options == ["prod", *typed, "--yes"]
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        (
            "relocate",
            "",
            "the script 'relocate' is not allowed; allowed: database, doctor, migrate, restore, rollback,"
            " rotate",
        ),
        (
            "../x",
            "",
            "the script '../x' is not allowed; allowed: database, doctor, migrate, restore, rollback, rotate",
        ),
        ("rollback", "--to-version '1", "No closing quotation"),
        (
            "rollback",
            "--to-version 1\u202e",
            "the arguments '--to-version 1\\u202e' cannot be shown to approvers: at most 120 printable ASCII"
            " characters are allowed",
        ),
        (
            "migrate",
            "x" * 121,
            f"the arguments '{'x' * 121}' cannot be shown to approvers: at most 120 printable ASCII"
            " characters are allowed",
        ),
    ],
)
def test_an_invalid_command_runs_nothing(tmp_path: Path, script: str, arguments: str, message: str) -> None:
    done = step(tmp_path, stack="dev", script=script, arguments=arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")


def test_the_form_offers_the_scripts_of_a_stack_only_on_main() -> None:
    workflow: dict[str, Any] = load("operate")
    assert set(workflow["on"]) == {"workflow_dispatch"}
    inputs = workflow["on"]["workflow_dispatch"]["inputs"]
    assert inputs["script"]["options"] == list(operate.SCRIPTS)
    assert inputs["stack"]["options"] == ["dev", "stg", "prod"]
    assert workflow["jobs"]["operate"]["if"] == "github.ref == 'refs/heads/main'"


def test_approvers_see_the_whole_command_in_the_name_of_the_run() -> None:
    workflow = load("operate")
    name = "${{ inputs.script }} ${{ inputs.stack }} ${{ inputs.arguments }}"
    assert workflow["run-name"] == workflow["jobs"]["operate"]["name"] == name


@pytest.mark.parametrize("folder", ["docs", "docs/ja"])
def test_the_incident_procedure_explains_where_each_command_of_the_runbooks_runs(folder: str) -> None:
    incident = (ROOT / folder / "incident.md").read_text()
    rows = [row for row in incident.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    programs = [set(re.findall(r"`([\w. ]+)`", row.split("|")[1])) for row in rows]
    [by_operate] = [names for row, names in zip(rows, programs, strict=True) if "operate.yml" in row]
    assert by_operate == {f"{name}.sh" for name in operate.SCRIPTS}
    runbooks = [file.read_text() for file in (ROOT / folder / "runbooks").glob("*.md")]
    named = re.findall(r"scripts/(\w+\.sh)|(kubectl|pulumi up) ", "\n".join([incident, *runbooks]))
    used = {script or program for script, program in named}
    assert used >= {"kubectl", "pulumi up"} and used <= set[str]().union(*programs)
