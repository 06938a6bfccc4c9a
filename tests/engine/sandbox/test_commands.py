"""Tests of each command, run as a process with the real engine."""

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from sandbox.cli import main
from tests.support.sandbox.project import ROOT, THINGS, Project

BUSY = """
import asyncio

async def busy():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        asyncio.get_running_loop().create_future().result()  # raises InvalidStateError

task = asyncio.ensure_future(busy())

async def mistake():
    await asyncio.sleep(0)
    things["absent"]

pulumi.Output.from_input(mistake())
"""


def test_up_creates_and_prints_the_declared_resources(project: Project) -> None:
    code, output = project.run("up")
    assert code == 0, output
    assert "creating stack dev" in output
    assert "+ test:index:Thing                             cup" in output
    assert re.search(r" cup +create done   [34]/4\n", output), output
    assert "Resources by component: 2 create\n  shelf                        pipe:shelf:Shelf" in output
    assert (
        "  password                     [secret]\n  url                          https://dev.pipe.dev"
        in output
    )
    assert "Violations: none" in output
    assert "Changes: 4 create (0 unchanged)" in output
    assert "Next: change something, then make preview STACK=dev; or make down STACK=dev" in output


def test_the_summary_file_records_the_run(project: Project) -> None:
    project.run("up")
    summary = project.summary()
    shelf = "urn:pulumi:dev::pipe::pipe:shelf:Shelf::shelf"
    cup = "urn:pulumi:dev::pipe::pipe:shelf:Shelf$test:index:Thing::cup"
    assert {"urn": cup, "type": "test:index:Thing", "parent": shelf, "op": "create"} in summary["resources"]
    parts = ["resources", "changes", "outputs", "violations", "errors"]
    assert list(summary) == ["stack", "operation", *parts, "seconds"]
    assert (summary["stack"], summary["operation"]) == ("dev", "up")
    assert summary["changes"] == {"create": 4}
    assert summary["outputs"] == {"password": "[secret]", "url": "https://dev.pipe.dev"}
    assert 0 < summary["seconds"] < 600


def test_a_second_up_changes_nothing_and_keeps_the_secrets(project: Project) -> None:
    project.run("up", "--skip-preview")
    first = (project.folder / "Pulumi.dev.yaml").read_text()
    code, output = project.run("up")
    assert (code, project.summary()["changes"]) == (0, {"same": 4}), output
    assert "Changes: 0 (4 unchanged)" in output
    assert (project.folder / "Pulumi.dev.yaml").read_text() == first


def drift(project: Project) -> None:
    """Delete one resource and change another one without the engine."""
    for file in (project.folder / "targets").glob("*.json"):
        thing = json.loads(file.read_text())
        if thing["size"] == 1:
            file.unlink()
        else:
            file.write_text(json.dumps(thing | {"size": 7}))


def test_up_reverts_changes_and_deletions_by_hand(project: Project) -> None:
    project.run("up", "--skip-preview")
    drift(project)
    code, output = project.run("preview")
    assert code == 0 and "would create" in output and "would update" in output, output
    assert project.creations() == ["cup created", "jug created"]
    code, output = project.run("up")
    assert code == 0, output
    assert "Changes: 1 create, 1 update (2 unchanged)" in output
    assert "refresh done" not in output  # Unchanged resources get no line.
    files = (project.folder / "targets").glob("*.json")
    assert {json.loads(file.read_text())["size"] for file in files} == {1, 2}
    assert "Changes: 0 (4 unchanged)" in project.run("up")[1]


def test_a_preview_applies_nothing(project: Project) -> None:
    project.run("up", "--skip-preview")
    project.things(cup={"size": 5}, jug={"size": 2, "shape": "round"}, pan={"size": 3})
    code, output = project.run("preview")
    assert code == 0, output
    assert "would update" in output and "would create" in output
    assert project.summary()["changes"] == {"create": 1, "replace": 1, "same": 2, "update": 1}
    assert project.creations() == ["cup created", "jug created"]
    assert "Next: make sandbox STACK=dev" in output


def test_up_applies_a_changed_stack_file(project: Project) -> None:
    project.run("up", "--skip-preview")
    project.things(cup={"size": 5}, jug={"size": 2, "shape": "round"})
    code, output = project.run("up")
    assert (code, project.summary()["changes"]) == (0, {"replace": 1, "same": 2, "update": 1}), output
    resources = project.summary()["resources"]
    operations = {resource["urn"].rpartition("::")[2]: resource["op"] for resource in resources}
    assert (operations["cup"], operations["jug"]) == ("update", "replace")


def test_refresh_removes_a_deleted_resource_from_the_state(project: Project) -> None:
    project.run("up", "--skip-preview")
    files = (project.folder / "targets").glob("*.json")
    [cup] = [file for file in files if '"size": 1' in file.read_text()]
    cup.unlink()
    code, output = project.run("refresh")
    assert (code, project.summary()["changes"]) == (0, {"delete": 1, "same": 3}), output
    assert "- test:index:Thing                             cup" in output


def test_down_destroys_everything(project: Project) -> None:
    project.run("up", "--skip-preview")
    code, output = project.run("down")
    assert (code, project.summary()["changes"]) == (0, {"delete": 4}), output
    assert re.search(r" shelf +delete done   [34]/4\n", output), output
    assert list((project.folder / "targets").glob("*.json")) == []
    assert "Next: make sandbox STACK=dev; or make clean STACK=dev" in output
    assert "Outputs" not in output and project.summary()["outputs"] == {}


def test_down_without_resources_starts_nothing(project: Project) -> None:
    code, output = project.run("down")
    assert (code, output) == (0, "dev is not up: there is nothing to destroy.\n")
    assert not (project.folder / "state" / ".pulumi").exists()


PROTECTED = (
    "dev is protected: vase.\n"
    "This destroys only the sandbox's copy in {folder}; the stack file stays as it is.\n"
)


def test_down_asks_before_it_destroys_protected_resources(project: Project) -> None:
    project.things(**THINGS, vase={"protect": True})
    project.run("up", "--skip-preview")
    file = project.root / "Pulumi.dev.yaml"
    before = file.read_text()
    code, output = project.run("down")
    assert (code, output) == (
        2,
        PROTECTED.format(folder=project.folder)
        + "error: nothing was destroyed, because the confirmation needs a terminal. "
        "Without a terminal: `make down STACK=dev FLAGS=--yes`\n",
    )
    code, output = project.run_with_answer("no\n", "down")
    assert code == 2 and "Type dev to destroy it: " in output and "not confirmed" in output, output
    assert len(list((project.folder / "targets").glob("*.json"))) == 3
    code, output = project.run_with_answer("dev\n", "down")
    assert (code, list((project.folder / "targets").glob("*.json"))) == (0, []), output
    assert file.read_text() == before


def test_down_switches_deletion_protection_off_without_a_change_of_the_stack_file(project: Project) -> None:
    project.things(**THINGS, vase={"protect": True, "deletionProtection": True})
    project.run("up", "--skip-preview")
    file = project.root / "Pulumi.dev.yaml"
    before = file.read_text()
    code, output = project.run("down", "--yes")
    assert (code, list((project.folder / "targets").glob("*.json"))) == (0, []), output
    assert "switching deletion protection off: vase" in output
    assert file.read_text() == before
    project.run("up", "--skip-preview")
    assert any("true" in file.read_text() for file in (project.folder / "targets").glob("*.json"))


def test_clean_deletes_the_stacks_folder(project: Project) -> None:
    project.run("up", "--skip-preview")
    code, output = project.run("clean")
    assert (code, project.folder.exists()) == (0, False)
    assert output == f"deleted {project.folder}; the next up starts from nothing.\n"


def test_an_advisory_violation_is_printed_with_its_severity(project: Project) -> None:
    project.things(cup={"size": 12})
    code, output = project.run("up")
    assert code == 0, output
    [violation] = project.summary()["violations"]
    assert violation == {
        "policy": "thing-size-small",
        "level": "advisory",
        "severity": "high",
        "urn": "urn:pulumi:dev::pipe::pipe:shelf:Shelf$test:index:Thing::cup",
        "message": "Things are small.\nsize is 12.0; set it to 9 or less",
    }
    assert "Violations: 1\n  advisory (high) thing-size-small: cup\n      Things are small.\n" in output


def test_a_waived_violation_is_printed_in_one_line(project: Project) -> None:
    pack = project.root / "policies" / "__main__.py"
    pack.write_text(
        pack.read_text().replace('report(f"', 'report(f"waived until 2999-01-31 (9 days left): x\\n')
    )
    project.things(cup={"size": 12})
    _, output = project.run("preview")
    line = "  waived (high) thing-size-small: cup: until 2999-01-31 (9 days left)"
    assert f"Violations: 1\n{line}\n\npreview of dev" in output


def test_a_mandatory_violation_stops_up_before_it_applies_anything(
    project: Project, make_policies_mandatory: Callable[[], None]
) -> None:
    make_policies_mandatory()
    project.things(cup={"size": 12}, jug={"size": 1})
    code, output = project.run("up")
    assert code == 1
    assert "mandatory (high) thing-size-small: cup" in output
    assert "size is 12.0; set it to 9 or less" in output
    assert "Nothing was applied." in output
    assert not (project.folder / "targets" / "creations").exists()
    assert [violation["level"] for violation in project.summary()["violations"]] == ["mandatory"]


def test_up_without_policies_reports_no_violation(
    project: Project, make_policies_mandatory: Callable[[], None]
) -> None:
    make_policies_mandatory()
    project.things(cup={"size": 12})
    code, output = project.run("up", "--no-policies")
    assert (code, project.summary()["violations"]) == (0, []), output


@pytest.mark.parametrize(("flags", "evaluations"), [((), 2), (("--skip-preview",), 1)])
def test_up_evaluates_the_program_for_its_preview_and_its_update(
    project: Project, flags: tuple[str, ...], evaluations: int
) -> None:
    log = project.root / "evaluations"
    with (project.root / "__main__.py").open("a") as program:
        program.write(f"\nwith open({str(log)!r}, 'a') as log:\n    log.write('evaluated\\n')\n")
    code, output = project.run("up", *flags)
    assert code == 0, output
    assert log.read_text().splitlines() == ["evaluated"] * evaluations


def test_a_missing_policy_pack_is_named_with_the_option_that_avoids_it(project: Project) -> None:
    (project.root / "policies" / "__main__.py").unlink()
    code, output = project.run("up")
    assert code == 2
    message = "has no policy pack; to run without one, add --no-policies"
    assert f"error: {project.root / 'policies'} {message}" in output


def test_a_settings_error_is_shown_unchanged(project: Project) -> None:
    project.things(fault="Pulumi.dev.yaml has 2 faults:\n  one\n  two")
    code, output = project.run("up")
    assert code == 1
    assert "error: Pulumi.dev.yaml has 2 faults:\n  one\n  two\n\nup of dev failed" in output
    assert output.count("2 faults") == 1
    assert "Violations" not in output  # The pack has not checked the program.
    assert "Traceback" not in output
    assert "Nothing was applied." in output


def test_a_mistake_in_the_program_is_shown_with_its_line(project: Project) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write("\nthings['absent']\n")
    code, output = project.run("preview")
    assert code == 1
    assert f'File "{project.root}/__main__.py"' in output and "KeyError: 'absent'" in output


def test_a_mistake_is_shown_alone_while_a_task_cannot_be_cancelled(project: Project) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write(BUSY)
    code, output = project.run("preview")
    assert code == 1
    assert "KeyError: 'absent'" in output and "Exception calling" not in output, output


def test_a_failed_creation_is_named_and_other_resources_stay(project: Project) -> None:
    project.things(cup={"size": 1}, jug={"fail": "no jugs today", "seconds": 1})
    code, output = project.run("up")
    assert code == 1
    assert "! test:index:Thing                             jug" in output
    assert "error: jug: " in output and "no jugs today" in output
    resources = project.summary()["resources"]
    operations = {resource["urn"].rpartition("::")[2]: resource["op"] for resource in resources}
    assert (operations["cup"], operations["jug"]) == ("create", "failed")
    project.things(**THINGS)
    code, output = project.run("up")
    assert (code, project.creations()) == (0, ["cup created", "jug created"]), output


def test_a_project_in_a_subfolder_has_stacks(project: Project) -> None:
    subfolder = project.root / "base"
    subfolder.mkdir()
    (subfolder / "Pulumi.yaml").write_text("name: base\nruntime: python\n")
    (subfolder / "Pulumi.dev.yaml").write_text("config: {}\n")
    (subfolder / "__main__.py").write_text("import os, pulumi\npulumi.export('where', os.getcwd())\n")
    code, output = project.run("up", stack="base/dev")
    assert code == 0 and "up of base/dev succeeded" in output, output
    summary = json.loads((project.folder / "base" / "summary.json").read_text())
    assert (summary["stack"], summary["outputs"]) == ("base/dev", {"where": str(subfolder)})


def test_an_unknown_stack_is_reported_with_the_known_stacks(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "Pulumi.stg.yaml").write_text("config: {}\n")
    assert main(["up", "prd", "--project", str(project.root)]) == 2
    assert capsys.readouterr().err == "error: no stack is called 'prd'. Stacks: dev, stg\n"


def test_a_folder_without_stacks_is_reported(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (project.root / "Pulumi.yaml").unlink()
    assert main(["up", "dev", "--project", str(project.root)]) == 2
    expected = f"Stacks: none; a stack is a file Pulumi.<stack>.yaml below {project.root}\n"
    assert capsys.readouterr().err.endswith(expected)


@pytest.mark.parametrize("arguments", [["destroy", "dev"], ["up"], ["up", "dev", "--force"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m sandbox" in capsys.readouterr().err


def test_help_names_the_commands_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    output = capsys.readouterr().out
    assert end.value.code == 0
    assert all(text in output for text in ("up ", "preview ", "refresh ", "down ", "clean ", "130  stopped"))


def test_a_run_whose_events_do_not_all_arrive_fails(project: Project) -> None:
    """The engine itself succeeds if an event is too large for the sandbox, and sends no events after it."""
    small = "import runpy, sandbox.engine.process as p; p.MESSAGE_BYTES = 20_000; runpy.run_module"
    command = [sys.executable, "-c", f"{small}('tests.support.sandbox.file_provider', run_name='__main__')"]

    def preview(text: str) -> tuple[int, str]:
        project.things(cup={"label": text})
        arguments = [*command, "preview", "dev", "--project", str(project.root)]
        completed = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
        return completed.returncode, completed.stdout + completed.stderr

    assert preview("x")[0] == 0
    code, output = preview("x" * 20_000)
    assert code == 1 and "the engine's events are incomplete" in output
