"""Tests of the drift check and the preview of a real stack: commands, files, and masked secrets."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operations import drift
from operations.delivery import preview
from operations.lib import run_log, sandbox_targets

PULUMI = """\
#!/usr/bin/python3
import json, os, stat, sys
here = os.path.dirname(os.path.abspath(__file__))
arguments = sys.argv[1:]
print(" ".join(arguments), file=open(f"{here}/commands", "a"))
if arguments[0] == "config":
    assert arguments[1:] == ["--show-secrets", "--json", "--stack", "dev"]
    texts = {"value": "planted-password", "secret": True}, {"value": "visible-setting", "secret": False}
    nested = {"value": "", "objectValue": {"roles": ["planted-in-a-list"]}, "secret": True}
    print(json.dumps(dict(zip(("pipe:a", "pipe:b", "pipe:c"), (*texts, nested)))))
    sys.exit()
"""
"""Start of a fake pulumi, to which a test appends the code of its preview."""
ERROR = "KeyError: planted-password planted-in-a-list planted-token visible-setting"
MASKED = "KeyError: [secret] [secret] [secret] visible-setting"

Pulumi = Callable[[str], None]


class FakeRds:
    """RDS with a database for which nothing is pending, unless a test sets the status of its parameters."""

    status = "in-sync"

    @staticmethod
    def client(_options: object, _service: str) -> "FakeRds":
        return FakeRds()

    def describe_db_instances(self, **_: object) -> dict[str, Any]:
        group = {"DBParameterGroupName": "pipe-dev-db-postgres17", "ParameterApplyStatus": self.status}
        return {"DBInstances": [{"DBInstanceArn": "arn", "DBParameterGroups": [group]}]}

    def describe_pending_maintenance_actions(self, **_: object) -> dict[str, Any]:
        return {"PendingMaintenanceActions": []}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Provide a function that puts a fake pulumi with the given preview into PATH."""
    bin = tmp_path / "bin"
    bin.mkdir()
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "planted-token")
    monkeypatch.delenv("TARGET", raising=False)
    for module in (preview, run_log):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(run_log, "RECORDS", tmp_path / ".runs")
    monkeypatch.setattr(drift, "FOLDER", tmp_path / "drift")
    monkeypatch.setattr(sandbox_targets, "aws", FakeRds.client)

    def write(body: str) -> None:
        (bin / "pulumi").write_text(PULUMI + body + "\n")
        (bin / "pulumi").chmod(0o755)

    return write


def last_command(tmp_path: Path) -> str:
    """Return the last command line that the fake pulumi received."""
    return (tmp_path / "bin" / "commands").read_text().splitlines()[-1]


def written(tmp_path: Path) -> str:
    """Return the content of all record and report files."""
    files = [
        file for folder in (".runs", "drift") for file in (tmp_path / folder).rglob("*") if file.is_file()
    ]
    return "".join(file.read_text() for file in files)


@pytest.mark.parametrize(
    ("code", "output", "state", "exit_code"),
    [
        (0, "Resources: 180 unchanged", "agrees", 0),
        (255, "error: no changes were expected but changes were proposed", "drifted", 0),
        (255, "error: no credentials", "unknown", 1),
    ],
)
def test_a_drift_check_distinguishes_drift_from_a_failed_comparison(
    tmp_path: Path, pulumi: Pulumi, code: int, output: str, state: str, exit_code: int
) -> None:
    pulumi(f"print({output!r}); sys.exit({code})")
    assert drift.main(["dev"]) == exit_code
    record = json.loads((tmp_path / "drift" / "dev.json").read_text())
    assert (record["state"], record["lines"]) == (state, [output])
    assert last_command(tmp_path).startswith("preview --refresh --expect-no-changes ")
    assert "--policy-pack policies" in last_command(tmp_path)


def test_parameters_that_wait_for_a_reboot_are_drift(
    tmp_path: Path, pulumi: Pulumi, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi("print('Resources: 180 unchanged')")
    monkeypatch.setattr(FakeRds, "status", "pending-reboot")
    assert drift.main(["dev"]) == 0
    record = json.loads((tmp_path / "drift" / "dev.json").read_text())
    assert record["state"] == "drifted"
    assert record["lines"] == [
        "Resources: 180 unchanged",
        "pending in pipe-dev-db: parameters of pipe-dev-db-postgres17: only after a reboot, never by RDS",
        "to apply the pending changes of pipe-dev-db: scripts/database.sh dev apply",
    ]


def test_the_help_explains_the_exit_codes_of_a_drift_check(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        drift.main(["--help"])
    output = capsys.readouterr().out
    assert (
        "code is 0 after a comparison, with or without drift" in output
        and "1 if the comparison failed" in output
    )


def test_without_the_stacks_secrets_the_drift_check_fails(
    tmp_path: Path, pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi("")
    (tmp_path / "bin" / "pulumi").write_text(
        '#!/bin/sh\n[ "$1" = config ] && echo "no such key" >&2\nexit 1\n'
    )
    assert drift.main(["dev"]) == 1
    record = json.loads((tmp_path / "drift" / "dev.json").read_text())
    assert record["state"] == "unknown" and record["lines"][-1] == "no such key"
    assert "dev could not be compared with its program: " in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_secrets_in_differences_are_masked_in_log_and_files(
    tmp_path: Path, pulumi: Pulumi, capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    proposed = "error: no changes were expected but changes were proposed"
    pulumi(f"print({ERROR!r}, file=sys.{stream}); print({proposed!r}); sys.exit(255)")
    assert drift.main(["dev"]) == 0
    output = "".join(capsys.readouterr())
    assert MASKED in output and MASKED in written(tmp_path)
    assert "planted" not in output + written(tmp_path)


@pytest.mark.parametrize("exit_code", [0, 1], ids=["clean", "findings"])
def test_a_real_preview_is_reviewed_and_its_plan_and_events_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulumi: Pulumi, exit_code: int
) -> None:
    pulumi('print("{}"); print("{}", file=open(arguments[3].partition("=")[2], "w"))')
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/review\nexit {exit_code}\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert preview.main(["dev"]) == exit_code
    folder = tmp_path / ".runs" / "dev" / "preview"
    flags = f"--event-log={folder}/events.jsonl --show-replacement-steps --non-interactive"
    start = f"preview --json --show-sames {flags}"
    assert last_command(tmp_path).startswith(start)
    command = f"-m review --output {folder} --mask {folder}/masks"
    command += f" --events {folder}/plan.json {folder}/events.jsonl"
    assert (tmp_path / "review").read_text().strip() == command
    assert [*folder.iterdir()] == []


KUBECONFIG = """\
current-context: dev
contexts: [{name: dev, context: {cluster: dev}}]
clusters: [{name: dev, cluster: {server: "https://127.0.0.1:PORT"}}]
"""


@pytest.mark.engine
@pytest.mark.parametrize("is_reachable", [True, False])
def test_a_preview_without_access_to_the_cluster_says_so_and_does_not_wait(
    tmp_path: Path,
    pulumi: Pulumi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    is_reachable: bool,
) -> None:
    monkeypatch.setenv("PULUMI_K8S_SKIP_UPDATE_UNREACHABLE", "true")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not is_reachable:
            server.close()
        kubeconfig = KUBECONFIG.replace("PORT", str(port))
        names = ("PULUMI_K8S_CLIENT_TIMEOUT", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE")
        pulumi(
            f"if arguments[0] == 'stack': print({kubeconfig!r}); sys.exit()\n"
            f"json.dump([os.environ.get(name) for name in {names}], open('{tmp_path}/seen', 'w'))\n"
            "sys.exit(1)"
        )
        assert preview.main(["dev"]) == 1
    timeout = None if is_reachable else "5"
    assert json.loads((tmp_path / "seen").read_text()) == [timeout, "false"]
    note = "compared with Pulumi's state, and the server does not validate them"
    assert (note in capsys.readouterr().out) is not is_reachable


@pytest.mark.engine
def test_secrets_in_exceptions_are_masked_in_log_and_files(
    tmp_path: Path, pulumi: Pulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".runs" / "dev" / "preview"
    mode, names = tmp_path / "mode", ("masks", "plan.json", "events.jsonl", "ledger.jsonl")
    urn = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
    plan = {"steps": [], "diagnostics": [{"severity": "error", "message": ERROR, "urn": urn}]}
    pulumi(
        f'modes = {{oct(stat.S_IMODE(os.stat(f"{folder}/{{name}}").st_mode)) for name in {names}}}\n'
        f'print(*modes, file=open("{mode}", "w"))\n'
        f"print({ERROR!r}, file=sys.stderr); print({json.dumps(plan)!r}); sys.exit(255)"
    )
    assert preview.main(["dev"]) == 1
    for name in ("review.md", "review.html", "review.sarif", "review.json"):
        assert MASKED in (folder / name).read_text(), name
    output = "".join(capfd.readouterr())
    assert f"    | {MASKED}\n" in output, "Pulumi's errors"
    assert "planted" not in output + written(tmp_path) + last_command(tmp_path)
    assert mode.read_text() == "0o600\n" and not (folder / "masks").exists()
    assert folder.stat().st_mode & 0o777 == 0o700
