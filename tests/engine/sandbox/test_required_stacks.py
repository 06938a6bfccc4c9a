"""Tests of a stack that requires the stack of another project, in the sandbox that the two share."""

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import CommandError
from sandbox.workspace import state
from sandbox.workspace.stacks import find_stack, required_stack
from tests.support.sandbox.project import THINGS, Project

BASE_IS_UP = re.compile(r"  base/dev is up: (.*) in \d+\.\d s; `make preview STACK=base/dev` checks it")
"""The line about a required stack that a run has brought up."""


@pytest.fixture
def project(project: Project) -> Project:
    """Add a project `base` whose stack `dev` the project's own stack `dev` requires."""
    project.require_base(role={"size": 1})
    return project


def base_things(project: Project) -> list[Any]:
    """Return the resources of the required stack in the state."""
    stack = find_stack(project.root, "base/dev")
    resources = state.read(stack, "resources")
    return [resource["urn"] for resource in resources if resource["type"] == "test:index:Thing"]


def test_up_brings_the_required_stack_up_first_and_only_once(project: Project) -> None:
    code, output = project.run("up")
    assert code == 0, output
    [changes] = BASE_IS_UP.findall(output)
    assert changes == "3 create"
    assert output.index("base/dev is up") < output.index(" cup ")
    assert " role " not in output  # The resources of the required stack get no lines.
    assert project.summary()["stack"] == "dev"
    assert len(base_things(project)) == 1
    code, output = project.run("up")
    assert code == 0 and "base/dev" not in output, output


def test_a_required_stack_is_brought_up_again_after_its_files_changed(project: Project) -> None:
    project.run("up", "--skip-preview")
    project.require_base(role={"size": 1}, other={"size": 2})
    code, output = project.run("up")
    assert (code, BASE_IS_UP.findall(output)) == (0, ["1 create, 3 same"]), output


def test_a_preview_reports_that_the_required_stack_is_not_up(project: Project) -> None:
    code, output = project.run("preview")
    assert code == 0, output
    line = "base/dev is not up or has changed; `make sandbox STACK=dev` brings it up first"
    assert line in output and base_things(project) == []


def test_a_required_stack_that_fails_stops_the_run(project: Project) -> None:
    project.require_base(role={"fail": "no roles today"})
    code, output = project.run("up")
    assert code == 1, output
    assert "no roles today" in output and "up of base/dev failed" in output
    assert (
        "fix the problems above, then run the same command again; or start anew: make clean STACK=base/dev"
        in output
    )
    assert state.read(find_stack(project.root, "dev"), "resources") == []


REFUSED = (
    "Stacks that require base/dev are up: dev. First: `make down STACK=dev`.\n"
    "This destroys only the sandbox's copy in {folder}/base; the stack file stays as it is.\n"
    "error: nothing was destroyed, because the confirmation needs a terminal. "
    "Without a terminal: `make down STACK=base/dev FLAGS=--yes`\n"
)


def test_a_required_stack_does_not_go_down_before_the_stack_that_requires_it(project: Project) -> None:
    project.run("up", "--skip-preview")
    assert project.run("down", stack="base/dev") == (2, REFUSED.format(folder=project.folder))
    code, output = project.run("down")
    assert code == 0, output
    assert "Still up, with the targets: base/dev. To end them: `make down STACK=base/dev`" in output
    assert project.run("down") == (0, "dev is not up: there is nothing to destroy.\n")
    assert len(base_things(project)) == 1
    code, output = project.run("down", stack="base/dev")
    assert code == 0 and base_things(project) == [], output
    code, output = project.run("up")
    assert (code, BASE_IS_UP.findall(output)) == (0, ["3 create"]), output


def test_a_required_stack_goes_down_first_after_a_confirmation(project: Project) -> None:
    project.run("up", "--skip-preview")
    code, output = project.run("down", "--yes", stack="base/dev")
    assert code == 0 and base_things(project) == [], output


def test_clean_deletes_the_states_of_both_stacks(project: Project) -> None:
    project.run("up", "--skip-preview")
    code, output = project.run("clean")
    assert (code, project.folder.exists()) == (0, False)
    assert output == (
        f"deleted {project.folder}, with the states of base/dev and dev; the next up starts from nothing.\n"
    )


def test_a_run_of_either_stack_locks_both(project: Project) -> None:
    project.things(**THINGS, pan={"seconds": 20})
    running = project.start("up")
    project.wait_for_creation("pan")
    code, output = project.run("preview", stack="base/dev")
    running.kill()
    running.communicate()
    assert code == 2 and output.startswith(f"error: {project.folder} is in use: `up` by process"), output


def test_a_throwaway_run_requires_no_other_stack(project: Project, tmp_path: Path) -> None:
    code, output = project.run("up", "--throwaway", "--folder", str(tmp_path / "elsewhere"))
    assert code == 0 and "base/dev" not in output, output
    assert not project.folder.exists()


def test_a_missing_required_stack_is_named(project: Project) -> None:
    (project.root / "Pulumi.stg.yaml").write_text((project.root / "Pulumi.dev.yaml").read_text())
    code, output = project.run("up", stack="stg")
    assert code == 2, output
    assert output.endswith(
        "error: stg requires the stack stg of pipe-base, which does not exist. Write its Pulumi.stg.yaml, "
        f"or change [tool.sandbox.requires] in {project.root / 'pyproject.toml'}.\n"
    )
    with pytest.raises(CommandError):
        required_stack(find_stack(project.root, "stg"))
