"""Tests of the progress on the terminal, and of masked values in the output."""

import sys
import time

import pytest

from sandbox import progress as progress_module
from sandbox.progress import Progress, name_of, short
from sandbox.summary import SIGNATURE, Phase, masked


def test_a_line_names_the_activity_after_a_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress()
    progress.doing("evaluating the program")
    outputs: list[str] = []
    for now[0] in (101.9, 102.0, 105.9, 106.0, 106.5):
        progress.tick()
        outputs.append(capsys.readouterr().out)
    line = "s  … evaluating the program\n"
    assert outputs == ["", f"   2.0{line}", "", f"   6.0{line}", ""]
    progress.step("loaded")
    now[0] = 108.6
    progress.tick("waiting for create of database")
    assert capsys.readouterr().out == "   6.5s  loaded\n   8.6s  … waiting for create of database\n"


def test_the_heartbeat_prints_a_line_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert progress_module.QUIET_LATER + progress_module.EVERY <= 5
    for name in ("QUIET_AT_FIRST", "QUIET_LATER"):
        monkeypatch.setattr(progress_module, name, 0.1)
    monkeypatch.setattr(progress_module, "EVERY", 0.05)
    progress = Progress()
    with progress.heartbeat(), progress.waiting_for(lambda: "waiting for create of database   3/187"):
        time.sleep(0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2 and all(
        line.endswith("… waiting for create of database   3/187") for line in lines
    )
    time.sleep(0.2)
    assert capsys.readouterr().out == ""


def test_no_line_interrupts_a_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(question: str) -> str:
        print(question, end="")
        time.sleep(0.4)
        return " dev \n"

    for name, seconds in (("QUIET_AT_FIRST", 0.1), ("QUIET_LATER", 0.1), ("EVERY", 0.05)):
        monkeypatch.setattr(progress_module, name, seconds)
    monkeypatch.setattr("builtins.input", answer)
    progress = Progress()
    with progress.heartbeat():
        assert progress.ask("Type dev: ") == "dev"
        output = capsys.readouterr().out
    assert output == "Type dev: "


def test_a_terminal_gets_colours_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    Progress().resource("delete-replaced", "aws:ec2/vpc:Vpc", "network", "delete-replaced done")
    assert "s  \033[31m-\033[0m aws:ec2:Vpc" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    Progress().resource("create", "aws:ec2/vpc:Vpc", "network", "create done")
    assert "s  + aws:ec2:Vpc" in capsys.readouterr().out


def test_types_and_names_are_shown_in_their_short_form() -> None:
    assert short("kubernetes:apps/v1:Deployment") == "kubernetes:apps:Deployment"
    assert [short(kind) for kind in ("it", "a:b")] == ["it", "a:b"]  # Types of components
    assert name_of("urn:pulumi:dev::pipe::pipe:api:Api$kubernetes:apps/v1:Deployment::pipe-api") == "pipe-api"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a b", "a b"),
        ("a ", r"a\x20"),
        (" a", r"\x20a"),
        ("a  b", r"a\x20\x20b"),
        ("a\tb", r"a\x09b"),
        (r"a\x20", r"a\x5cx20"),
        (r"a\u200b", r"a\x5cu200b"),
        (r"a\b", r"a\b"),
        ("a\nb", "a ⏎ b"),
        ("a ⏎ b", r"a \u23ce b"),
        ("a \n", r"a\x20\x20⏎\x20"),
        ("main (aws:ec2:Vpc), b", r"main \x28aws:ec2:Vpc)\x2c b"),
        ("a, which was b", r"a\x2c which was b"),
        ("(a)", r"\x28a)"),
        ("a(b),c", "a(b),c"),
    ],
)
def test_what_would_make_a_name_look_like_another_text_is_escaped(name: str, shown: str) -> None:
    assert name_of(f"urn:pulumi:dev::pipe::aws:s3/bucket:Bucket::{name}") == shown


@pytest.mark.parametrize("name", ["ssh ", "ssh\u3000", "ssh\t", " ssh", "SSH", "ssh\x00", "ssh\u200b"])
def test_resources_whose_names_seem_equal_have_violations_of_their_own(name: str) -> None:
    phase = Phase(preview=True)
    urns = [f"urn:pulumi:dev::pipe::aws:s3/bucket:Bucket::{text}" for text in ("ssh", name)]
    for urn in urns:
        verdict = {"policyName": "p", "enforcementLevel": "mandatory", "severity": "high", "message": "bad"}
        phase.record({"policyEvent": verdict | {"resourceUrn": urn}})
    assert [violation["urn"] for violation in phase.mandatory] == urns


def test_secrets_and_unknown_values_are_masked_at_any_depth() -> None:
    secret = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    value = {"plain": 1, "list": [secret, {"deep": secret}], "later": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}
    assert masked(value) == {
        "plain": 1,
        "list": ["[secret]", {"deep": "[secret]"}],
        "later": "[known after up]",
    }
    text = f"a text with {value['later']}"  # The engine does not take it as unknown.
    assert masked([text], str.upper) == [text.upper()]


def test_a_reference_is_shown_as_what_a_provider_gets_of_it() -> None:
    reference = {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": "urn:it", "packageVersion": ""}
    later = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    identifiers = [{}, {"id": "i"}, {"id": ""}, {"id": later}]
    assert masked([reference | member for member in identifiers], str.upper) == [
        *("URN:IT", "I", "[known after up]", "[known after up]")
    ]


def test_an_asset_is_shown_as_its_content_and_differs_from_any_other_object() -> None:
    asset = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "a", "hash": "b"}
    archive = {SIGNATURE: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {"file": asset}}
    assert masked([asset, archive]) == [
        {SIGNATURE: "asset", "text": "a", "hash": "b"},
        {SIGNATURE: "archive", "assets": {"file": {SIGNATURE: "asset", "text": "a", "hash": "b"}}},
    ]


def test_an_error_is_recorded_once_with_its_resource() -> None:
    phase = Phase(preview=True)
    urn = "urn:pulumi:dev::pipe::aws:ec2/vpc:Vpc::network"
    for message in ("bad cidr\n", "bad cidr\n", "preview failed\n"):
        phase.record({"diagnosticEvent": {"severity": "error", "urn": urn, "message": message}})
    phase.record({"diagnosticEvent": {"severity": "error", "message": "update failed\n"}})
    phase.record({"diagnosticEvent": {"severity": "warning", "message": "old plugin"}})
    assert phase.errors == ["network: bad cidr", "network: preview failed"]
    assert phase.warnings == ["old plugin"]
