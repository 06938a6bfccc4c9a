"""A shell in which the usual clients see a stack's targets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.progress import Progress
from sandbox.targets import process
from tests.sandbox.small import make
from tests.stacks import ROOT

pytestmark = pytest.mark.drill

COMMANDS = """\
kubectl get nodes -o name
echo "region $AWS_DEFAULT_REGION"
curl -s -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" "$CLOUDFLARE_BASE_URL/zones" | head -c 3
echo
echo "leaked ${AWS_PROFILE-nothing}"
aws s3 ls
exit 7
"""


def console(root: Path, *places: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "console", "dev", "--project", root],
        cwd=ROOT,
        input=COMMANDS,
        env=os.environ
        | {"SHELL": "/bin/bash", "AWS_PROFILE": "production", "KUBECONFIG": "/production"}
        | {"PATH": os.pathsep.join([*map(str, places), os.environ["PATH"]])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_clients_in_the_shell_see_the_targets_and_nothing_of_the_callers(tmp_path: Path) -> None:
    stack = make(tmp_path)
    stack.folder.mkdir(parents=True)
    old = tmp_path / "old" / "aws"  # hears of an address by its arguments alone
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "aws $*"\n')
    old.chmod(0o755)
    process.start(stack.folder, Progress(), control_plane=True)
    try:
        found = process.running(stack.folder)
        console(tmp_path, old.parent)
        code, said = console(tmp_path, stack.folder / "bin", old.parent)  # from within the first
    finally:
        process.stop(stack.folder)
    lines = said.splitlines()
    assert lines[0].startswith("The targets of dev; exit ends this. Try: kubectl get pods -A; aws ")
    assert lines[0].endswith(
        '; curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/zones'
    )
    assert [line for line in lines if line.startswith("node/")]
    assert found
    assert lines[-4:-1] == ["region ap-northeast-1", '{"s', "leaked nothing"]
    assert lines[-1] == f"aws --endpoint-url {found.aws} s3 ls"
    assert code == 7


def test_without_targets_it_says_how_to_start_them(tmp_path: Path) -> None:
    make(tmp_path)
    code, said = console(tmp_path)
    assert code == 2
    assert said == "error: dev has no targets that run: make sandbox STACK=dev starts them.\n"
