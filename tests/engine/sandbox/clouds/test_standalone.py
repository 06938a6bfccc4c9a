"""Tests of the clouds by themselves: the examples of docs/clouds.md, each with a cloud on a free port."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.clouds.kubernetes import control_plane
from tests.support.stacks import ROOT

SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (\w+)=(.*)$")


def blocks(name: str) -> list[tuple[str, str]]:
    """Return the language and text of the code blocks in a section; the first one starts the cloud."""
    sections = dict(SECTION.findall((ROOT / "docs/clouds.md").read_text()))
    return BLOCK.findall(sections[name])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def started(command: str) -> Generator[dict[str, str]]:
    """Run the command of a page that starts a cloud; yield the variables that it prints for clients."""
    parts = re.sub(r"--port \d+", f"--port {free_port()}", command).split()
    assert parts[:3] == ["python", "-m", "sandbox.clouds"]
    process = subprocess.Popen(
        [sys.executable, *parts[1:]], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    variables: dict[str, str] = {}
    try:
        first = process.stdout.readline()
        assert "is ready" in first, first + process.stdout.read()
        last = {"aws": "AWS_DEFAULT_REGION", "cloudflare": "CLOUDFLARE_API_TOKEN", "datadog": "DD_APP_KEY"}
        for line in process.stdout:
            match = EXPORT.match(line)
            assert match, line
            variables[match[1]] = match[2]
            if match[1] == last.get(parts[3], "KUBECONFIG"):
                break
        yield variables
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 0


def run(language: str, text: str, variables: dict[str, str], folder: Path) -> str:
    """Run an example, which must succeed; return its output."""
    command = (
        [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    process = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_ordinary_clients_use_the_aws_cloud(tmp_path: Path) -> None:
    (_, start), (_, cli), (language, program) = blocks("AWS")
    with started(start) as variables:
        assert "refused: " in run(language, program, variables, tmp_path)
        if shutil.which("aws"):
            assert run("sh", cli, variables, tmp_path).splitlines()[-1] == "orders"


@pytest.mark.parametrize(
    ("section", "expected"), [("Cloudflare", '"name": "www.example.com"'), ("Datadog", '"name": "load"')]
)
def test_curl_uses_the_other_clouds(tmp_path: Path, section: str, expected: str) -> None:
    (_, start), (language, example) = blocks(section)
    with started(start) as variables:
        assert expected in run(language, example, variables, tmp_path)


@pytest.mark.drill
def test_kubectl_uses_the_control_plane(tmp_path: Path) -> None:
    programs = control_plane.find()
    assert programs
    (_, start), (language, example) = blocks("Kubernetes")
    with started(start) as variables:
        folder = programs["kubectl"].parent
        variables["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        assert "successfully rolled out" in run(language, example, variables, tmp_path)
    assert not Path(variables["KUBECONFIG"]).exists()


def test_a_port_that_is_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "sandbox.clouds", "datadog", "--port", str(port)]
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == (
        f"error: port {port} of 127.0.0.1 cannot be used: Address already in use. Name another --port, or "
        "leave it out for a free one.\n"
    )
