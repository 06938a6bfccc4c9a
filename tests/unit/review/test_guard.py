"""Tests of the responses of the policy pack under review, which are not trusted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import analyzer_pb2

from review import guard
from sandbox.errors import CommandError
from tests.support.rows import each_row

ABOUT = analyzer_pb2.AnalyzerInfo(
    policies=[
        analyzer_pb2.PolicyInfo(name="ssh-open", enforcementLevel=analyzer_pb2.MANDATORY),
        analyzer_pb2.PolicyInfo(name="tags", enforcementLevel=analyzer_pb2.ADVISORY),
    ]
)


def levels(file: Path, text: str) -> dict[str, str]:
    file.write_text(text)
    return guard._levels(ABOUT, guard._configuration(ABOUT, file))  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {"ssh-open": "mandatory", "tags": "advisory"}),
        ('{"ssh-open": "disabled"}', {"ssh-open": "disabled", "tags": "advisory"}),
        ('{"all": "disabled"}', {"ssh-open": "disabled", "tags": "disabled"}),
        (
            '{"all": "advisory", "tags": {"enforcementLevel": "mandatory", "names": ["Name"]}}',
            {"ssh-open": "advisory", "tags": "mandatory"},
        ),
    ],
)
def test_levels_are_read_as_the_engine_reads_them(
    text: str, expected: dict[str, str], tmp_path: Path
) -> None:
    assert levels(tmp_path / "dev.json", text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "policies/config/dev.json is not valid JSON: "),
        ("{", "policies/config/dev.json is not valid JSON: "),
        ("[]", "policies/config/dev.json is not a JSON object."),
        ('{"tags": "off"}', "dev.json: the level of tags is 'off'; allowed: advisory, mandatory"),
        (json.dumps({"tags": {"names": "x", "enforcementLevel": []}}), "the level of tags is "),
    ],
)
def test_an_invalid_file_of_levels_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        levels(tmp_path / "dev.json", text)
    assert message in str(error.value)


def test_a_number_without_a_meaning_is_refused() -> None:
    response = analyzer_pb2.AnalyzeResponse()
    level: Any = 77
    response.diagnostics.add(policyName="ssh-open", enforcementLevel=level)
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    with pytest.raises(
        CommandError, match="the policy pack under review sent the enforcement level 77; allowed: 0 to 3"
    ):
        guard._violations(question, response)  # pyright: ignore[reportPrivateUsage]


def test_a_violation_without_a_urn_belongs_to_the_resource_of_the_question() -> None:
    response = analyzer_pb2.AnalyzeResponse()
    response.diagnostics.add(
        policyName="ssh-open", enforcementLevel=analyzer_pb2.MANDATORY, message="22 is open"
    )
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    [violation] = guard._violations(question, response)  # pyright: ignore[reportPrivateUsage]
    assert (violation["urn"], violation["level"]) == ("urn:a::firewall", "mandatory")


@each_row(
    "file, changed",
    [
        ("policies/rules/ssh.py", True),
        ("policies/config/dev.json", True),
        ("versions.py", True),
        ("yaml.py", True),
        ("yaml/__init__.py", True),
        ("__main__.py", False),
        ("components/vpc.py", False),
        ("Pulumi.dev.yaml", False),
        ("docs/linked.py", True),
    ],
)
def test_a_pack_runs_if_one_of_its_files_or_a_module_that_it_can_import_differs(
    file: str, changed: bool, tmp_path: Path
) -> None:
    for side in ("one", "two"):
        for name in (
            "policies/rules/ssh.py",
            "versions.py",
            "__main__.py",
            "components/vpc.py",
            "Pulumi.dev.yaml",
            "docs/linked.py",
        ):
            (tmp_path / side / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / name).write_text("")
        (tmp_path / side / "policies" / "linked").symlink_to("../docs")
    assert not guard.has_changed(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "two" / file).write_text("x = 1\n")
    assert guard.has_changed(tmp_path / "one", tmp_path / "two") == changed
    files = {"docs/linked.py": ["policies/linked/linked.py"], "yaml/__init__.py": []}
    named = files.get(file, [file] if changed else [])
    assert guard.differing_files(tmp_path / "one", tmp_path / "two") == named
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(tmp_path / "two")


def test_a_repair_has_the_resource_of_the_question_and_a_hash_of_the_inputs() -> None:
    question = analyzer_pb2.AnalyzeRequest(urn="urn:a::firewall")
    response = analyzer_pb2.RemediateResponse()
    response.remediations.add(policyName="tags", diagnostic="cannot repair").properties["a"] = 1
    response.remediations.add(policyName="tags")
    for value in (1, 2, 1):
        response.remediations.add(policyName="ssh-open").properties["port"] = value
    first, second, third = guard._repairs(question, response)  # pyright: ignore[reportPrivateUsage]
    assert first == third != second
    assert first[:2] == second[:2] == ("ssh-open", "urn:a::firewall")
