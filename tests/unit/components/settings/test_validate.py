"""Tests of the command `python -m components.settings`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.settings.__main__ import main
from components.settings.json_schema import stack_file_schema
from tests.support.components.settings.stack_files import STACKS, changed, committed, write

Files = Callable[..., list[str]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Provide a function that writes all stack files, some of them changed, and returns their options."""

    def write_all(**changes: dict[str, Any]) -> list[str]:
        for stack in STACKS:
            write(tmp_path, changed(changes.get(stack, {}), stack=stack), stack)
        return ["--directory", str(tmp_path)]

    return write_all


def test_the_committed_files_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == (
        "Pulumi.dev.yaml: valid\nPulumi.prod.yaml: valid\nPulumi.stg.yaml: valid\n"
    )


def test_only_the_named_stack_is_validated(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    directory = files(dev={"pipe:api.graceSeconds": 5})
    assert main(["prod", *directory]) == 0
    assert main(["dev", *directory]) == 1
    assert capsys.readouterr().out == (
        "Pulumi.prod.yaml: valid\n"
        "Pulumi.dev.yaml: 1 fault\n\n"
        "  pipe:api.graceSeconds = 5\n"
        "    allowed: a whole number of at least 15 and at most 600\n"
        "    fix:     pulumi config set --path 'pipe:api.graceSeconds' 30 --stack dev\n"
    )


def test_a_stack_without_a_file_ends_with_status_2(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    directory = files()
    assert main(["qa", *directory]) == 2
    assert (
        capsys.readouterr().err
        == f"There is no Pulumi.qa.yaml in {directory[1]}. Stacks with a file: dev, prod, stg\n"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("config: {a: 1, a: 2}\n", "the key a occurs twice"),
        ("config: [1\n", "while parsing a flow sequence"),
        ("conf: {}\n", "the map `config:` is missing"),
        ("", "the map `config:` is missing"),
    ],
)
def test_a_file_that_is_not_a_stack_file_is_refused(
    text: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    assert main(["--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith(f"Pulumi.dev.yaml is not a valid stack file: {reason}")


def test_missing_secrets_are_faults_with_the_option_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dev", "--secrets"]) == 1
    assert capsys.readouterr().out.count("config set --secret") == 5


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == stack_file_schema()


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_used_on_terminals_without_no_color(
    environment: dict[str, str],
    colored: bool,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    main(["dev", *files(dev={"pipe:api.graceSeconds": 5})])
    assert ("\033[" in capsys.readouterr().out) == colored


COMPARISONS = {
    "no stack owns the zone": (
        {"prod": {"pipe:edge.zone.owned": False}},
        "Pulumi.prod.yaml: 1 fault\n\n"
        "  pipe:edge.zone.owned = false\n"
        "    allowed: true in exactly one stack of pipe.dev\n"
        "    fix:     pulumi config set --path 'pipe:edge.zone.owned' true --stack prod",
    ),
    "two stacks own the zone": (
        {"dev": {"pipe:edge.zone.owned": True}},
        "Pulumi.dev.yaml: 1 fault\n\n"
        "  pipe:edge.zone.owned = true\n"
        "    allowed: false, since it is true in Pulumi.prod.yaml for pipe.dev\n"
        "    fix:     pulumi config set --path 'pipe:edge.zone.owned' false --stack dev",
    ),
    "zone settings of a stack that does not own the zone": (
        {"dev": {"pipe:edge.zone.minTls": "1.3", "pipe:edge.zone.hosts[3]": "old.pipe.dev"}},
        "Pulumi.dev.yaml: 2 faults\n\n"
        '  pipe:edge.zone.minTls = "1.3"\n'
        '    allowed: "1.2", as in Pulumi.prod.yaml, which owns the zone\n'
        "    fix:     pulumi config set --path 'pipe:edge.zone.minTls' 1.2 --stack dev\n\n"
        '  pipe:edge.zone.hosts = ["pipe.dev", "stg.pipe.dev", "dev.pipe.dev", "old.pipe.dev"]\n'
        '    allowed: ["pipe.dev", "stg.pipe.dev", "dev.pipe.dev"], as in Pulumi.prod.yaml, '
        "which owns the zone\n"
        "    fix:     pulumi config rm --path 'pipe:edge.zone.hosts[3]' --stack dev",
    ),
    "a host of another stack": (
        {"stg": {"pipe:edge.host": "dev.pipe.dev"}},
        "Pulumi.stg.yaml: 1 fault\n\n"
        '  pipe:edge.host = "dev.pipe.dev"\n'
        "    allowed: a value different from the one in Pulumi.dev.yaml\n"
        "    fix:     pulumi config set --path 'pipe:edge.host' stg.pipe.dev --stack stg",
    ),
    "the bucket of prod": (
        {"dev": {"pipe:backups.bucket": "pipe-backup"}},
        "Pulumi.dev.yaml: 1 fault\n\n"
        '  pipe:backups.bucket = "pipe-backup"\n'
        "    allowed: a value different from the one in Pulumi.prod.yaml\n"
        "    fix:     pulumi config set --path 'pipe:backups.bucket' pipe-backup-dev --stack dev",
    ),
    "a key of a provider that one file lacks": (
        {
            "dev": {"aws:profile": "pipe"},
            "stg": {"aws:profile": "pipe"},
        },
        "Pulumi.prod.yaml: 1 fault\n\n"
        "  aws:profile is missing\n"
        "    allowed: the same provider keys in every stack file; Pulumi.stg.yaml has this one\n"
        "    fix:     pulumi config set aws:profile pipe --stack prod",
    ),
}


def test_stacks_in_one_account_are_a_note_and_no_fault(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    main(files(stg={"pipe:service.account": "111122223333"}))
    output = capsys.readouterr().out
    assert (
        "note: dev and stg share the AWS account 111122223333, so the deploy role of each can change "
        "networks and keys of the others. A separate account for each stack removes this risk.\n"
    ) in output
    assert "Pulumi.dev.yaml: valid\n" in output


@pytest.mark.parametrize(("changes", "message"), COMPARISONS.values(), ids=COMPARISONS)
def test_stack_files_are_compared(
    changes: dict[str, dict[str, Any]], message: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(files(**changes)) == 1
    output = capsys.readouterr().out
    assert f"{message}\n" in output and output.count(": valid\n") == 2


def test_a_file_with_other_faults_is_still_compared(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files(dev={"pipe:api.graceSeconds": 5, "pipe:edge.zone.owned": True})) == 1
    output = capsys.readouterr().out
    assert "pipe:api.graceSeconds = 5" in output and "pipe:edge.zone.owned = true" in output


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("minTls", "1.1"),
        ("hsts", "on"),
        ("hsts.preload", "maybe"),
        ("hosts", []),
        ("certificateAuthorities[0]", 7),
        ("rateLimit.requests", 0),
        ("rateLimit.periodSeconds", None),
    ],
)
def test_an_invalid_zone_setting_is_reported_once(
    stack: str, key: str, value: object, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(files(**{stack: {f"pipe:edge.zone.{key}": value}})) == 1
    output = capsys.readouterr().out
    assert f"Pulumi.{stack}.yaml: 1 fault\n\n  pipe:edge.zone.{key} " in output
    assert output.count(": valid\n") == 2


def test_other_zone_settings_are_compared_next_to_an_invalid_one(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(files(dev={"pipe:edge.zone.hsts": "on", "pipe:edge.zone.plan": "business"})) == 1
    output = capsys.readouterr().out
    assert 'pipe:edge.zone.hsts = "on"' in output
    assert (
        'pipe:edge.zone.plan = "business"\n    allowed: "pro", as in Pulumi.prod.yaml, which owns' in output
    )


def test_production_is_larger_and_better_protected_than_dev() -> None:
    dev, prod = committed("dev"), committed("prod")
    assert dev["pipe:network"]["natGateways"] == "one"
    assert prod["pipe:network"]["natGateways"] == "each-zone"
    assert [dev["pipe:database"][key] for key in ("multiAz", "deletionProtection")] == [False, False]
    assert [prod["pipe:database"][key] for key in ("multiAz", "deletionProtection")] == [True, True]
    assert prod["pipe:backups"]["bucket"] == "pipe-backup" and prod["pipe:backups"]["replica"]["enabled"]
