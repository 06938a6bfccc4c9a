"""Every command of the documents that can run in a sandbox, run in one; elsewhere.yaml lists the others."""

import os
import re
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

ELSEWHERE: dict[str, list[str]] = yaml.safe_load(
    (Path(__file__).parents[2] / "support" / "docs" / "elsewhere.yaml").read_text()
)
PATTERNS = [pattern for patterns in ELSEWHERE.values() for pattern in patterns]
ALL = commands.commands()
HERE = [each for each in ALL if not any(fnmatchcase(each.text, pattern) for pattern in PATTERNS)]
UP = "make sandbox STACK=dev"
SLOW = re.compile(r"scripts/(deploy|restore|rotate|relocate)\.sh (?!.*--(dry-run|start-api))")
"""What takes minutes, and is run for real by tests/scripts: here as a dry run. Not so the guide's deployments
without checks and its rollbacks: each goes on from the one before, as for a newcomer."""


@dataclass
class Sandbox:
    """A newcomer's checkout, and the shell that `make console` opens in it."""

    root: Path
    environment: dict[str, str]
    brought_up: str = ""
    """What the command that brings it up has said."""

    def run(self, text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=self.root, env=self.environment | variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=300, check=False,
        )  # fmt: skip

    def read(self, text: str) -> str:
        done = self.run(text)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The stack dev in the shell that `make console` opens; the guide's commands deploy to it."""
    root = tmp_path_factory.mktemp("sandbox") / "checkout"
    root.mkdir()
    checkout(root, ".")
    os.utime(root / "requirements-dev.txt", (0, 0))  # so that make does not install what is installed
    own = {"NO_COLOR": "1", "TARGET": "sandbox", "SHELL": "/bin/bash"}
    own |= {"MAKEFLAGS": "", "FLAGS": ""}  # of the make that runs the tests
    made = Sandbox(root, os.environ | git_identity() | own)
    made.read("git init --quiet -b main && git add --all && git commit --quiet -m Start")
    try:
        made.brought_up = made.read(UP)
        made.read("make console STACK=dev <<< 'env -0 > ../environment'")
        shell = (root.parent / "environment").read_text().split("\0")
        made.environment |= dict(line.split("=", 1) for line in shell if "=" in line)
        yield made
    finally:
        made.read("make clean STACK=dev")


@pytest.mark.parametrize("command", HERE, ids=lambda each: each.text)
def test_a_command_of_the_documents_runs(sandbox: Sandbox, command: Command) -> None:
    if command.text == UP:
        assert "up of dev succeeded" in sandbox.brought_up
        return
    text = command.text.replace("pipe-prod-db", "pipe-dev-db")
    text += " --dry-run" if SLOW.match(text) else ""
    for word, ask in {
        "NAME": "kubectl -n pipe get pods -l app=pipe-api -o jsonpath={.items[0].metadata.name}",
        "NODE": "kubectl get nodes -o jsonpath={.items[0].metadata.name}",
    }.items():
        if re.search(rf"\b{word}\b", text):
            text = re.sub(rf"\b{word}\b", sandbox.read(ask), text)
    done = sandbox.run(text)
    assert done.returncode == 0, f"{command.where}: {text}\n{done.stdout}"


def test_the_runbooks_client_speaks_the_old_tls_that_it_looks_for(tmp_path: Path) -> None:
    """Debian's refuses TLS 1.1 by itself, whatever the site would accept."""
    [command] = [each.text for each in ALL if each.text.startswith("openssl s_client")]
    pair = Authority().issue("localhost")
    (tmp_path / "pair.pem").write_text(pair.certificate + pair.key)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(tmp_path / "pair.pem")]
    words += ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-quiet"]
    server = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < end:
            time.sleep(0.1)
        here = command.replace("pipe.dev:443", f"127.0.0.1:{port}")
        done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=False, timeout=60)
        assert "Protocol  : TLSv1.1" in done.stdout or "New, TLSv1" in done.stdout, done.stdout + done.stderr
    finally:
        server.kill()
        server.wait()


def test_a_code_block_begins_each_line_with_a_program_that_is_known() -> None:
    assert commands.strange() == []


@pytest.mark.parametrize("block", ["```bash\nterraform apply\n```\n", "    terraform apply\n"])
def test_a_command_of_another_program_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    (tmp_path / "README.md").write_text(f"# So\n\n{block}\n    make test\n\n    # remark\n")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    assert commands.strange() == ["README.md: terraform apply"]
    assert [each.text for each in commands.commands()] == ["terraform apply", "make test"]


@pytest.mark.parametrize("name", ["deployment.md", "ja/deployment.md"])
def test_the_guide_begins_with_what_of_it_a_sandbox_does_not_run(name: str) -> None:
    file = ROOT / "docs" / name
    begin = file.read_text().partition("```")[0]
    excepted = [each for each in commands.of(file) if any(fnmatchcase(each, pattern) for pattern in PATTERNS)]
    said = {word for each in excepted for word in ("logs", "top", "agent", "gh") if f" {word} " in f" {each}"}
    assert len(excepted) == len(said) == 4
    assert {word for word in said if f"`{word}" not in begin} == set()


def test_what_is_listed_as_run_elsewhere_is_in_a_document() -> None:
    unused = [each for each in PATTERNS if not any(fnmatchcase(found.text, each) for found in ALL)]
    assert unused == []


def test_where_a_reason_names_a_test_there_is_one() -> None:
    files = [file for reason in ELSEWHERE for file in re.findall(r"tests/[\w/]+\.py", reason)]
    assert files and [file for file in files if not (ROOT / file).exists()] == []


def test_every_task_and_script_that_a_document_names_exists() -> None:
    tasks = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    there = {f"make {task}" for task in tasks} | {
        str(file.relative_to(ROOT)) for file in (ROOT / "scripts").iterdir()
    }
    assert len(commands.named()) > 10 and commands.named() - there == set()
