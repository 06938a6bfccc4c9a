"""Tests of the placeholders of the committed stack files."""

import json
import re
import shutil

import pytest

from operations import preflight
from operations.preflight import placeholders
from tests.support.operations.preflight import ROOT, Stack

FILES = ("Pulumi.prod.yaml", "foundation/Pulumi.prod.yaml")


def test_readmes_placeholders_are_known() -> None:
    section = (ROOT / "README.md").read_text().partition("**Placeholders.**")[2].partition("**Quotas**")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    values = [value for cell in cells for value in re.findall(r"`([^`]+)`", cell)]
    examples = {
        "pipe-backup…": "pipe-backup-dev-replica",
        "@slack-pipe-…": "@slack-pipe-stg",
        "2": None,  # It may be the real ID of a runner group.
    }
    texts = [examples.get(value, value.strip('"')) for value in values]
    assert len(texts) > 10
    assert [text for text in texts if text and not placeholders.VALUES.search(text)] == []


@pytest.mark.parametrize(
    "value", ["acme-backup", "pipe-backup-acme", "@slack-acme", "210987654321", "2", "a.example", "pipe-dev"]
)
def test_a_value_of_a_real_stack_is_no_placeholder(value: str) -> None:
    assert not placeholders.VALUES.search(value)


def test_a_stack_file_without_placeholders_passes(stack: Stack) -> None:
    assert placeholders.find(stack.folder, FILES) == []


def test_every_placeholder_is_listed_with_its_command(stack: Stack) -> None:
    file = stack.folder / "foundation" / "Pulumi.prod.yaml"
    file.write_text(file.read_text().replace("900002", "456789").replace("user/kim", "user/operator"))
    matches = placeholders.find(stack.folder, FILES)
    assert [(entry.file, entry.name, entry.fix) for entry in matches] == [
        (
            FILES[1],
            "pipe-foundation:account.operators[0]",
            "pulumi config set --path 'pipe-foundation:account.operators[0]' VALUE --stack prod"
            " --cwd foundation",
        ),
        (
            FILES[1],
            "pipe-foundation:github.repositoryId",
            "pulumi config set --path 'pipe-foundation:github.repositoryId' VALUE --stack prod"
            " --cwd foundation",
        ),
    ]


def test_the_committed_files_are_refused_before_anything_is_asked(
    stack: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FILES:
        shutil.copy(ROOT / name, stack.folder / name)

    def ask(*_: object) -> None:
        pytest.fail("it asks")

    monkeypatch.setattr("operations.preflight.command._start", ask)
    assert preflight.main(["prod"]) == 1
    output = capsys.readouterr()
    line = (
        '✗ Pulumi.prod.yaml: pipe:service.account: 777788889999 is a placeholder (README.md, "Placeholders");'
        " fix: pulumi config set --path 'pipe:service.account' VALUE --stack prod"
    )
    assert f"    | {line}\n" in output.out
    number = output.out.count("    | ✗ ")
    assert output.err == f"error: prod: {number} answers with ✗; each line ends with the fix\n"
    assert preflight.main(["prod", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert {entry["topic"] for entry in report["answers"]} == {"placeholders"}
    assert len(report["answers"]) == number and report["exitCode"] == 1
