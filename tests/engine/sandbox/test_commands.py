"""Each command, run as a user runs it, with the real engine."""

import json
import re
from collections.abc import Callable

import pytest

from sandbox.cli import main
from tests.support.sandbox.project import THINGS, Project

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


def test_up_makes_what_the_stack_declares_and_says_so(project: Project) -> None:
    code, said = project.run("up")
    assert code == 0, said
    assert "making stack dev" in said
    assert "+ test:index:Thing                             cup" in said
    assert re.search(r" cup +create done   [34]/4\n", said), said
    assert "Resources by component: 2 create\n  shelf                        pipe:shelf:Shelf" in said
    assert (
        "  password                     [secret]\n  url                          https://dev.pipe.dev" in said
    )
    assert "Violations: none" in said
    assert "Changes: 4 create (0 unchanged)" in said
    assert "Next: change something, then make preview STACK=dev; or make down STACK=dev" in said


def test_the_summary_is_what_the_run_did(project: Project) -> None:
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
    project.run("up")
    first = (project.folder / "Pulumi.dev.yaml").read_text()
    code, said = project.run("up")
    assert (code, project.summary()["changes"]) == (0, {"same": 4}), said
    assert "Changes: 0 (4 unchanged)" in said
    assert (project.folder / "Pulumi.dev.yaml").read_text() == first


def drift(project: Project) -> None:
    """Delete one Thing, and change the other one, behind the engine's back."""
    for file in (project.folder / "targets").glob("*.json"):
        thing = json.loads(file.read_text())
        if thing["size"] == 1:
            file.unlink()
        else:
            file.write_text(json.dumps(thing | {"size": 7}))


def test_up_puts_back_what_was_changed_or_deleted_by_hand(project: Project) -> None:
    project.run("up")
    drift(project)
    code, said = project.run("preview")
    assert code == 0 and "would create" in said and "would update" in said, said
    assert project.creations() == ["cup created", "jug created"]
    code, said = project.run("up")
    assert code == 0, said
    assert "Changes: 1 create, 1 update (2 unchanged)" in said
    assert "refresh done" not in said  # what agrees is worth no line
    sizes = {json.loads(each.read_text())["size"] for each in (project.folder / "targets").glob("*.json")}
    assert sizes == {1, 2}
    assert "Changes: 0 (4 unchanged)" in project.run("up")[1]


def test_a_preview_shows_and_applies_nothing(project: Project) -> None:
    project.run("up")
    project.things(cup={"size": 5}, jug={"size": 2, "shape": "round"}, pan={"size": 3})
    code, said = project.run("preview")
    assert code == 0, said
    assert "would update" in said and "would create" in said
    assert project.summary()["changes"] == {"create": 1, "replace": 1, "same": 2, "update": 1}
    assert project.creations() == ["cup created", "jug created"]
    assert "Next: make sandbox STACK=dev" in said


def test_a_changed_stack_file_is_followed(project: Project) -> None:
    project.run("up")
    project.things(cup={"size": 5}, jug={"size": 2, "shape": "round"})
    code, said = project.run("up")
    assert (code, project.summary()["changes"]) == (0, {"replace": 1, "same": 2, "update": 1}), said
    ops = {each["urn"].rpartition("::")[2]: each["op"] for each in project.summary()["resources"]}
    assert (ops["cup"], ops["jug"]) == ("update", "replace")


def test_refresh_finds_drift(project: Project) -> None:
    project.run("up")
    [file] = [each for each in (project.folder / "targets").glob("*.json") if '"size": 1' in each.read_text()]
    file.unlink()
    code, said = project.run("refresh")
    assert (code, project.summary()["changes"]) == (0, {"delete": 1, "same": 3}), said
    assert "- test:index:Thing                             cup" in said


def test_down_destroys_everything(project: Project) -> None:
    project.run("up")
    code, said = project.run("down")
    assert (code, project.summary()["changes"]) == (0, {"delete": 4}), said
    assert re.search(r" shelf +delete done   [34]/4\n", said), said
    assert list((project.folder / "targets").glob("*.json")) == []
    assert "Next: make sandbox STACK=dev; or make clean STACK=dev" in said
    assert "Outputs" not in said and project.summary()["outputs"] == {}


def test_down_of_what_is_not_up_says_so_and_starts_nothing(project: Project) -> None:
    code, said = project.run("down")
    assert (code, said) == (0, "dev is not up: there is nothing to destroy.\n")
    assert not (project.folder / "state" / ".pulumi").exists()


PROTECTED = (
    "dev is protected: vase.\n"
    "This destroys the sandbox's copy in {folder} and nothing else; the stack file stays as it is.\n"
)


def test_down_asks_before_it_destroys_what_is_protected_and_leaves_the_stack_file(project: Project) -> None:
    project.things(**THINGS, vase={"protect": True})
    project.run("up")
    file = project.root / "Pulumi.dev.yaml"
    before = file.read_text()
    code, said = project.run("down")
    assert (code, said) == (
        2,
        PROTECTED.format(folder=project.folder)
        + "error: nothing was destroyed: there is no terminal to confirm it on. "
        "Add --yes: make down STACK=dev FLAGS=--yes\n",
    )
    code, said = project.run_with_answer("no\n", "down")
    assert code == 2 and "Type dev to destroy it: " in said and "not confirmed" in said, said
    assert len(list((project.folder / "targets").glob("*.json"))) == 3
    code, said = project.run_with_answer("dev\n", "down")
    assert (code, list((project.folder / "targets").glob("*.json"))) == (0, []), said
    assert file.read_text() == before


def test_down_switches_off_what_an_api_would_refuse_to_delete_in_its_own_copy_alone(project: Project) -> None:
    project.things(**THINGS, vase={"protect": True, "deletionProtection": True})
    project.run("up")
    file = project.root / "Pulumi.dev.yaml"
    before = file.read_text()
    code, said = project.run("down", "--yes")
    assert (code, list((project.folder / "targets").glob("*.json"))) == (0, []), said
    assert "switching deletion protection off: vase" in said
    assert file.read_text() == before
    project.run("up")
    assert [each for each in (project.folder / "targets").glob("*.json") if "true" in each.read_text()]


def test_clean_forgets_the_stack(project: Project) -> None:
    project.run("up")
    code, said = project.run("clean")
    assert (code, project.folder.exists()) == (0, False)
    assert said == f"{project.folder} is gone; the next up starts from nothing.\n"


def test_an_advisory_violation_is_told_with_its_severity(project: Project) -> None:
    project.things(cup={"size": 12})
    code, said = project.run("up")
    assert code == 0, said
    [violation] = project.summary()["violations"]
    assert violation == {
        "policy": "thing-size-small",
        "level": "advisory",
        "severity": "high",
        "urn": "urn:pulumi:dev::pipe::pipe:shelf:Shelf$test:index:Thing::cup",
        "message": "Things are small.\nsize is 12.0; set it to 9 or less",
    }
    assert "Violations: 1\n  advisory (high) thing-size-small: cup\n      Things are small.\n" in said


def test_a_waived_violation_is_told_in_a_line(project: Project) -> None:
    pack = project.root / "policies" / "__main__.py"
    pack.write_text(
        pack.read_text().replace('report(f"', 'report(f"waived until 2999-01-31 (9 days left): x\\n')
    )
    project.things(cup={"size": 12})
    _, said = project.run("preview")
    line = "  waived (high) thing-size-small: cup: until 2999-01-31 (9 days left)"
    assert f"Violations: 1\n{line}\n\npreview of dev" in said


def test_a_mandatory_violation_stops_up_before_anything_is_applied(
    project: Project, make_policies_mandatory: Callable[[], None]
) -> None:
    make_policies_mandatory()
    project.things(cup={"size": 12}, jug={"size": 1})
    code, said = project.run("up")
    assert code == 1
    assert "mandatory (high) thing-size-small: cup" in said
    assert "size is 12.0; set it to 9 or less" in said
    assert "Nothing was applied." in said
    assert not (project.folder / "targets" / "creations").exists()
    assert [each["level"] for each in project.summary()["violations"]] == ["mandatory"]


def test_without_policies_nothing_is_judged(
    project: Project, make_policies_mandatory: Callable[[], None]
) -> None:
    make_policies_mandatory()
    project.things(cup={"size": 12})
    code, said = project.run("up", "--no-policies")
    assert (code, project.summary()["violations"]) == (0, []), said


def test_a_missing_policy_pack_is_named_with_the_way_round_it(project: Project) -> None:
    (project.root / "policies" / "__main__.py").unlink()
    code, said = project.run("up")
    assert code == 2
    assert f"error: {project.root / 'policies'} holds no policy pack; run with --no-policies" in said


def test_a_settings_error_is_shown_as_it_is(project: Project) -> None:
    project.things(fault="Pulumi.dev.yaml has 2 faults:\n  one\n  two")
    code, said = project.run("up")
    assert code == 1
    assert "error: Pulumi.dev.yaml has 2 faults:\n  one\n  two\n\nup of dev failed" in said
    assert said.count("2 faults") == 1
    assert "Violations" not in said  # the pack has not seen the program
    assert "Traceback" not in said
    assert "Nothing was applied." in said


def test_a_mistake_in_the_program_is_shown_with_its_line(project: Project) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write("\nthings['absent']\n")
    code, said = project.run("preview")
    assert code == 1
    assert f'File "{project.root}/__main__.py"' in said and "KeyError: 'absent'" in said


def test_a_mistake_is_said_alone_when_what_still_runs_cannot_be_cancelled(project: Project) -> None:
    with (project.root / "__main__.py").open("a") as program:
        program.write(BUSY)
    code, said = project.run("preview")
    assert code == 1
    assert "KeyError: 'absent'" in said and "Exception calling" not in said, said


def test_a_failed_creation_is_named_and_the_rest_is_kept(project: Project) -> None:
    project.things(cup={"size": 1}, jug={"fail": "no jugs today", "seconds": 1})
    code, said = project.run("up")
    assert code == 1
    assert "! test:index:Thing                             jug" in said
    assert "error: jug: " in said and "no jugs today" in said
    ops = {each["urn"].rpartition("::")[2]: each["op"] for each in project.summary()["resources"]}
    assert (ops["cup"], ops["jug"]) == ("create", "failed")
    project.things(**THINGS)
    code, said = project.run("up")
    assert (code, project.creations()) == (0, ["cup created", "jug created"]), said


def test_a_project_below_the_root_has_stacks_too(project: Project) -> None:
    below = project.root / "base"
    below.mkdir()
    (below / "Pulumi.yaml").write_text("name: base\nruntime: python\n")
    (below / "Pulumi.base.yaml").write_text("config: {}\n")
    (below / "__main__.py").write_text("import os, pulumi\npulumi.export('where', os.getcwd())\n")
    code, said = project.run("up", stack="base")
    assert code == 0, said
    summary = json.loads((project.root / ".sandbox" / "base" / "summary.json").read_text())
    assert summary["outputs"] == {"where": str(below)}


def test_an_unknown_stack_is_named_with_those_there_are(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "Pulumi.stg.yaml").write_text("config: {}\n")
    assert main(["up", "prd", "--project", str(project.root)]) == 2
    assert capsys.readouterr().err == "error: no stack is called 'prd'. Stacks: dev, stg\n"


def test_a_folder_without_stacks_is_said_to_be_one(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "Pulumi.yaml").unlink()
    assert main(["up", "dev", "--project", str(project.root)]) == 2
    expected = f"Stacks: none; a stack is a file Pulumi.<stack>.yaml below {project.root}\n"
    assert capsys.readouterr().err.endswith(expected)


@pytest.mark.parametrize("words", [["destroy", "dev"], ["up"], ["up", "dev", "--force"]])
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage: python -m sandbox" in capsys.readouterr().err


def test_help_names_the_commands_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0
    assert all(word in said for word in ("up ", "preview ", "refresh ", "down ", "clean ", "130  stopped"))
