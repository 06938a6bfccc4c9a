"""Tests of the documents' commands in a sandbox; elsewhere.yaml lists commands that cannot run there."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from tests.support.docs import commands
from tests.support.docs.commands import ROOT, Command
from tests.support.drills.certificates import Authority
from tests.support.operations.environment import checkout, git_identity
from tests.support.stacks import shorten_settle_time

ELSEWHERE: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parents[2] / "support" / "docs" / "elsewhere.yaml").read_text()
)
PATTERNS = [pattern for patterns in ELSEWHERE.values() for pattern in patterns]
ALL = commands.commands()
RUNNABLE = [command for command in ALL if not any(fnmatchcase(command.text, pattern) for pattern in PATTERNS)]
UP = "make sandbox STACK=dev"
SLOW = re.compile(r"scripts/(access|deploy|restore|rotate|relocate|teardown)\.sh (?!.*--(dry-run|start-api))")
"""Pattern of commands that take minutes, so that they are dry runs here; tests/drills/operations really runs
them. The guide's deployments without checks and its rollbacks are no dry runs: each command continues from
the previous one, as it does for a newcomer.
"""


@dataclass
class Sandbox:
    """A newcomer's checkout, and the environment of the shell that `make console` opens in it."""

    root: Path
    environment: dict[str, str]
    brought_up: str = ""
    """Output of the command that brings up the sandbox."""

    def run(self, text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.root,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def read(self, text: str) -> str:
        process = self.run(text)
        assert process.returncode == 0, process.stdout
        return process.stdout.strip()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Provide the stack dev in the shell that `make console` opens; the guide's commands deploy to it."""
    root = tmp_path_factory.mktemp("sandbox") / "checkout"
    root.mkdir()
    checkout(root, ".")
    shorten_settle_time(root)
    os.utime(root / "requirements-dev.txt", (0, 0))  # Older than .venv, so that make installs nothing.
    own = {"NO_COLOR": "1", "TARGET": "sandbox", "SHELL": "/bin/bash"}
    own |= {"MAKEFLAGS": "", "FLAGS": ""}  # Reset the variables of the make that runs the tests.
    newcomer = Sandbox(root, os.environ | git_identity() | own)
    newcomer.read("git init --quiet -b main && git add --all && git commit --quiet -m Start")
    try:
        newcomer.brought_up = newcomer.read(UP)
        newcomer.read("make console STACK=dev <<< 'env -0 > ../environment'")
        shell = (root.parent / "environment").read_text().split("\0")
        newcomer.environment |= dict(line.split("=", 1) for line in shell if "=" in line)
        yield newcomer
    finally:
        newcomer.read("make clean STACK=dev")


@pytest.mark.parametrize("command", RUNNABLE, ids=lambda command: command.text)
def test_a_command_of_the_documents_runs(sandbox: Sandbox, command: Command) -> None:
    if command.text == UP:
        assert "up of dev succeeded" in sandbox.brought_up
        return
    text = command.text.replace("pipe-prod-db", "pipe-dev-db")
    text = text.replace("--copy-roles prod", "--copy-roles dev")
    text += " --dry-run" if SLOW.match(text) else ""
    for word, query in {
        "NAME": "kubectl -n pipe get pods -l app=pipe-api -o jsonpath={.items[0].metadata.name}",
        "NODE": "kubectl get nodes -o jsonpath={.items[0].metadata.name}",
    }.items():
        if re.search(rf"\b{word}\b", text):
            text = re.sub(rf"\b{word}\b", sandbox.read(query), text)
    process = sandbox.run(text)
    for _ in range(2):
        # Beside other drills, an answer of a busy API can come after the time limit of preflight.
        if process.returncode and ": no answer within " in process.stdout:
            process = sandbox.run(text)
    assert process.returncode == 0, f"{command.where}: {text}\n{process.stdout}"


def test_an_access_starts_a_pod_with_psql_and_ends_with_ctrl_c(sandbox: Sandbox) -> None:
    """Run the access of docs/break-glass.md, which is a dry run above, on the same control plane."""
    jobs = "kubectl -n pipe get jobs -o name | grep -c /pipe-access- || true"
    access = subprocess.Popen(
        ["scripts/access.sh", "dev", "--database", "--yes"],
        cwd=sandbox.root,
        env=sandbox.environment | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert access.stdout
    lines: list[str] = []
    for line in access.stdout:
        lines.append(line)
        if " exec -it job/pipe-access-" in line:
            break
    else:
        pytest.fail("".join(lines))
    assert sandbox.read(jobs) == "1"
    time.sleep(1)  # The command then waits for the end.
    access.send_signal(signal.SIGINT)
    output, _ = access.communicate(timeout=180)  # Other drills keep the processors busy.
    assert access.returncode == 0 and "the access has ended" in output, "".join(lines) + output
    assert sandbox.read(jobs) == "0"


def test_the_runbooks_client_can_speak_tls_1_1(tmp_path: Path) -> None:
    """Check the runbook's options, without which Debian's client itself refuses TLS 1.1."""
    [command] = [command.text for command in ALL if command.text.startswith("openssl s_client")]
    pair = Authority().issue("localhost")
    (tmp_path / "pair.pem").write_text(pair.certificate + pair.key)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server_command = [
        "openssl",
        "s_server",
        "-accept",
        f"127.0.0.1:{port}",
        "-cert",
        str(tmp_path / "pair.pem"),
    ]
    server_command += ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"]
    server = subprocess.Popen(
        server_command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
            time.sleep(0.1)
        local_command = command.replace("pipe.dev:443", f"127.0.0.1:{port}")
        process = subprocess.run(
            ["bash", "-c", local_command], capture_output=True, text=True, check=False, timeout=60
        )
        assert "Protocol  : TLSv1.1" in process.stdout or "New, TLSv1" in process.stdout, (
            process.stdout + process.stderr
        )
    finally:
        server.kill()
        server.wait()


def test_every_line_of_a_code_block_starts_with_a_known_program() -> None:
    assert commands.unknown_programs() == []


@pytest.mark.parametrize("block", ["```bash\nterraform apply\n```\n", "    terraform apply\n"])
def test_a_command_of_an_unknown_program_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    (tmp_path / "README.md").write_text(f"# So\n\n{block}\n    make test\n\n    # remark\n")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    assert commands.unknown_programs() == ["README.md: terraform apply"]
    assert [command.text for command in commands.commands()] == ["terraform apply", "make test"]


@pytest.mark.parametrize("name", ["deployment.md", "ja/deployment.md"])
def test_the_guide_begins_with_its_commands_that_a_sandbox_cannot_run(name: str) -> None:
    file = ROOT / "docs" / name
    begin = file.read_text().partition("```")[0]
    excepted = [
        command
        for command in commands.in_blocks(file)
        if any(fnmatchcase(command, pattern) for pattern in PATTERNS)
    ]
    programs = {
        word
        for command in excepted
        for word in ("logs", "top", "agent", "gh")
        if f" {word} " in f" {command}"
    }
    assert len(excepted) == len(programs) == 4
    assert {word for word in programs if f"`{word}" not in begin} == set()


def test_every_command_listed_as_run_elsewhere_is_in_a_document() -> None:
    unused = [
        pattern for pattern in PATTERNS if not any(fnmatchcase(command.text, pattern) for command in ALL)
    ]
    assert unused == []


def test_tests_named_in_reasons_exist() -> None:
    files = [file for reason in ELSEWHERE for file in re.findall(r"tests/[\w/]+\.py", reason)]
    assert files and [file for file in files if not (ROOT / file).exists()] == []


def test_every_task_and_script_that_a_document_names_exists() -> None:
    tasks = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    there = {f"make {task}" for task in tasks} | {
        str(file.relative_to(ROOT)) for file in (ROOT / "scripts").iterdir()
    }
    assert len(commands.named()) > 10 and commands.named() - there == set()
