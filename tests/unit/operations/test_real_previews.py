"""The look for drift and the preview of a real stack: what they ask Pulumi, keep and hide."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import drift, preview
from operations.lib import run_log

PULUMI = """\
#!/usr/bin/python3
import json, os, stat, sys
here = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
print(" ".join(words), file=open(f"{here}/asked", "a"))
if words[0] == "config":
    assert words[1:] == ["--show-secrets", "--json", "--stack", "dev"]
    told = {"value": "planted-password", "secret": True}, {"value": "visible-setting", "secret": False}
    nested = {"value": "", "objectValue": {"roles": ["planted-in-a-list"]}, "secret": True}
    print(json.dumps(dict(zip(("pipe:a", "pipe:b", "pipe:c"), (*told, nested)))))
    sys.exit()
"""
"""Behind it comes what the preview does."""
SAYS = "KeyError: planted-password planted-in-a-list planted-token visible-setting"
HIDDEN = "KeyError: [secret] [secret] [secret] visible-setting"

Pulumi = Callable[[str], None]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Puts one in PATH whose preview does this."""
    bin = tmp_path / "bin"
    bin.mkdir()
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "planted-token")
    monkeypatch.delenv("TARGET", raising=False)
    for module in (preview, run_log):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(run_log, "RECORDS", tmp_path / ".runs")
    monkeypatch.setattr(drift, "FOLDER", tmp_path / "drift")

    def does(body: str) -> None:
        (bin / "pulumi").write_text(PULUMI + body + "\n")
        (bin / "pulumi").chmod(0o755)

    return does


def asked(tmp_path: Path) -> str:
    """What the preview was asked."""
    return (tmp_path / "bin" / "asked").read_text().splitlines()[-1]


def kept(tmp_path: Path) -> str:
    """All that is in files, but for the programs."""
    files = [
        file for folder in (".runs", "drift") for file in (tmp_path / folder).rglob("*") if file.is_file()
    ]
    return "".join(file.read_text() for file in files)


@pytest.mark.parametrize(
    ("code", "said", "state", "ends"),
    [
        (0, "Resources: 180 unchanged", "agrees", 0),
        (255, "error: no changes were expected but changes were proposed", "drifted", 0),
        (255, "error: no credentials", "unknown", 1),
    ],
)
def test_a_look_for_drift_tells_drift_from_not_having_seen(
    tmp_path: Path, pulumi: Pulumi, code: int, said: str, state: str, ends: int
) -> None:
    pulumi(f"print({said!r}); sys.exit({code})")
    assert drift.main(["dev"]) == ends
    found = json.loads((tmp_path / "drift" / "dev.json").read_text())
    assert (found["state"], found["lines"]) == (state, [said])
    assert asked(tmp_path).startswith("preview --refresh --expect-no-changes ")
    assert "--policy-pack policies" in asked(tmp_path)


def test_the_help_says_how_a_look_ends(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        drift.main(["--help"])
    said = capsys.readouterr().out
    assert "ends with 0 if the stack agrees or has drifted" in said and "1 if the comparison failed" in said


def test_without_the_stacks_secrets_nobody_looks_for_drift(
    tmp_path: Path, pulumi: Pulumi, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi("")
    (tmp_path / "bin" / "pulumi").write_text(
        '#!/bin/sh\n[ "$1" = config ] && echo "no such key" >&2\nexit 1\n'
    )
    assert drift.main(["dev"]) == 1
    found = json.loads((tmp_path / "drift" / "dev.json").read_text())
    assert found["state"] == "unknown" and found["lines"][-1] == "no such key"
    assert "nobody knows whether dev has drifted: " in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_difference_that_quotes_a_secret_shows_it_neither_in_the_log_nor_in_a_file(
    tmp_path: Path, pulumi: Pulumi, capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    proposed = "error: no changes were expected but changes were proposed"
    pulumi(f"print({SAYS!r}, file=sys.{stream}); print({proposed!r}); sys.exit(255)")
    assert drift.main(["dev"]) == 0
    said = "".join(capsys.readouterr())
    assert HIDDEN in said and HIDDEN in kept(tmp_path)
    assert "planted" not in said + kept(tmp_path)


@pytest.mark.parametrize("finds", [0, 1], ids=["clean", "findings"])
def test_a_real_preview_is_reviewed_from_its_plan_and_its_events_and_neither_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulumi: Pulumi, finds: int
) -> None:
    pulumi('print("{}"); print("{}", file=open(words[3].partition("=")[2], "w"))')
    (tmp_path / "bin" / "python").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/review\nexit {finds}\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert preview.main(["dev"]) == finds
    folder = tmp_path / ".runs" / "dev" / "preview"
    start = f"preview --json --show-sames --event-log={folder}/events.jsonl --non-interactive"
    assert asked(tmp_path).startswith(start)
    words = f"-m review --output {folder} --mask {folder}/masks"
    words += f" --events {folder}/plan.json {folder}/events.jsonl"
    assert (tmp_path / "review").read_text().strip() == words
    assert [*folder.iterdir()] == []


def test_an_exception_that_quotes_a_secret_shows_it_neither_in_the_log_nor_in_a_file(
    tmp_path: Path, pulumi: Pulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ".runs" / "dev" / "preview"
    mode = tmp_path / "mode"
    urn = "urn:pulumi:dev::pipe::pulumi:pulumi:Stack::pipe-dev"
    plan = {"steps": [], "diagnostics": [{"severity": "error", "message": SAYS, "urn": urn}]}
    pulumi(
        f'print(oct(stat.S_IMODE(os.stat("{folder}/masks").st_mode)), file=open("{mode}", "w"))\n'
        f"print({SAYS!r}, file=sys.stderr); print({json.dumps(plan)!r}); sys.exit(255)"
    )
    assert preview.main(["dev"]) == 1
    for name in ("review.md", "review.html", "review.sarif", "review.json"):
        assert HIDDEN in (folder / name).read_text(), name
    said = "".join(capfd.readouterr())
    assert f"    | {HIDDEN}\n" in said, "Pulumi's errors"
    assert "planted" not in said + kept(tmp_path) + asked(tmp_path)
    assert mode.read_text() == "0o600\n" and not (folder / "masks").exists()
