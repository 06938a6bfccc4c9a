"""A shell in which the usual clients see a stack's targets."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.clouds import process
from sandbox.progress import Progress
from tests.support.sandbox.all_providers_project import create_project
from tests.support.stacks import ROOT

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
    stack = create_project(tmp_path)
    stack.folder.mkdir(parents=True)
    old = tmp_path / "old" / "aws"  # hears of an address by its arguments alone
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "aws $*"\n')
    old.chmod(0o755)
    process.start(stack.folder, Progress(), control_plane=True)
    try:
        found = process.find_running(stack.folder)
        console(tmp_path, old.parent)
        code, said = console(tmp_path, stack.folder / "bin", old.parent)  # from within the first
    finally:
        process.stop(stack.folder)
    lines = said.splitlines()
    assert lines[0].startswith("The targets of dev, for the scripts too; exit ends this. Try: kubectl get ")
    assert lines[0].endswith(
        '; curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/zones'
    )
    assert [line for line in lines if line.startswith("node/")]
    assert found
    assert lines[-4:-1] == ["region ap-northeast-1", '{"s', "leaked nothing"]
    assert lines[-1] == f"aws --endpoint-url {found.aws} s3 ls"
    assert code == 7


def test_without_targets_it_says_how_to_start_them(tmp_path: Path) -> None:
    create_project(tmp_path)
    code, said = console(tmp_path)
    assert code == 2
    assert said == "error: the sandbox of dev does not run. Start it: make sandbox STACK=dev\n"


RC = """\
export TARGET=real KUBECONFIG=/production AWS_ENDPOINT_URL=https://ec2.amazonaws.com
PS1='mine> '
{prompt}
"""
TYPED = """\
echo "target=$TARGET aws=$AWS_ENDPOINT_URL kubeconfig=${KUBECONFIG-none} rc=$RC_WAS_READ"
exit 7
"""


@pytest.mark.parametrize(
    ("shell", "rc", "prompt"),
    [
        ("bash", ".bashrc", ""),
        ("bash", ".bashrc", "PROMPT_COMMAND='PS1=\"mine> \"'"),
        ("bash", ".bashrc", "PROMPT_COMMAND=('PS1=\"mine> \"' true)"),
        ("zsh", ".zshrc", "precmd() { PS1='mine> ' }"),
        ("sh", ".profile", ""),
    ],
)
def test_the_users_own_files_undo_neither_the_target_nor_the_mark_in_the_prompt(
    tmp_path: Path, shell: str, rc: str, prompt: str
) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    stack = create_project(tmp_path)
    stack.folder.mkdir(parents=True)
    (tmp_path / rc).write_text(RC.format(prompt=prompt) + "RC_WAS_READ=yes\n")
    process.start(stack.folder, Progress(), control_plane=False)
    found = process.find_running(stack.folder)
    ours, theirs = pty.openpty()
    try:
        own = {"SHELL": program, "HOME": str(tmp_path), "KUBECONFIG": "/production", "TARGET": "real"}
        console = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "console", "dev", "--project", tmp_path],
            cwd=ROOT,
            env=os.environ | own,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        said = read_until(ours, "[sandbox dev] ")
        os.write(ours, TYPED.encode())
        said += read_until(ours, "")
        assert console.wait(30) == 7
    finally:
        process.stop(stack.folder)
        os.close(ours)
    assert found
    read = "yes" if rc != ".profile" else ""
    assert f"target=sandbox aws={found.aws} kubeconfig=none rc={read}" in said, said
    assert ("[sandbox dev] mine> " in said) == (rc != ".profile"), said


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows until a text has come or, without one, until it is closed."""
    said = ""
    while not text or text not in said:
        try:
            chunk = os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # Linux ends a terminal that nobody has open any more with EIO
            return said
        if not chunk:
            return said
        said += chunk
    return said
