"""Tests of the console, a shell in which the usual clients use a stack's targets."""

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


def run_console(root: Path, *folders: Path) -> tuple[int, str]:
    """Run COMMANDS in the console, with `folders` first on PATH; return the exit code and the output."""
    result = subprocess.run(
        [sys.executable, "-m", "sandbox", "console", "dev", "--project", root],
        cwd=ROOT,
        input=COMMANDS,
        env=os.environ
        | {"SHELL": "/bin/bash", "AWS_PROFILE": "production", "KUBECONFIG": "/production"}
        | {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def test_clients_in_the_console_reach_the_targets_without_the_callers_settings(tmp_path: Path) -> None:
    stack = create_project(tmp_path)
    stack.folder.mkdir(parents=True)
    old = tmp_path / "old" / "aws"  # It reads the endpoint only from its arguments.
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "aws $*"\n')
    old.chmod(0o755)
    process.start(stack.folder, Progress(), control_plane=True)
    try:
        targets = process.find_running(stack.folder)
        run_console(tmp_path, old.parent)
        # The second console has the PATH of the first one.
        code, output = run_console(tmp_path, stack.folder / "bin", old.parent)
    finally:
        process.stop(stack.folder)
    lines = output.splitlines()
    message = "Commands in this shell use the targets of dev. `exit` ends the shell. Try: kubectl get "
    assert lines[0].startswith(message)
    assert lines[0].endswith(
        '; curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/zones'
    )
    assert [line for line in lines if line.startswith("node/")]
    assert targets
    assert lines[-4:-1] == ["region ap-northeast-1", '{"s', "leaked nothing"]
    assert lines[-1] == f"aws --endpoint-url {targets.aws} s3 ls"
    assert code == 7


def test_the_console_without_targets_names_the_command_that_starts_them(tmp_path: Path) -> None:
    create_project(tmp_path)
    code, output = run_console(tmp_path)
    assert code == 2
    assert output == "error: the sandbox of dev does not run. Start it: `make sandbox STACK=dev`\n"


RC = """\
export TARGET=real KUBECONFIG=/production AWS_ENDPOINT_URL=https://ec2.amazonaws.com
PS1='mine> '
{prompt}
"""
TYPED_COMMANDS = """\
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
def test_the_users_own_files_change_neither_the_target_nor_the_prompts_prefix(
    tmp_path: Path, shell: str, rc: str, prompt: str
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    stack = create_project(tmp_path)
    stack.folder.mkdir(parents=True)
    (tmp_path / rc).write_text(RC.format(prompt=prompt) + "RC_WAS_READ=yes\n")
    process.start(stack.folder, Progress(), control_plane=False)
    targets = process.find_running(stack.folder)
    ours, theirs = pty.openpty()
    try:
        user_environment = {
            "SHELL": program,
            "HOME": str(tmp_path),
            "KUBECONFIG": "/production",
            "TARGET": "real",
        }
        console = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "console", "dev", "--project", tmp_path],
            cwd=ROOT,
            env=os.environ | user_environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        output = read_until(ours, "[sandbox dev] ")
        os.write(ours, TYPED_COMMANDS.encode())
        output += read_until(ours, "")
        assert console.wait(30) == 7
    finally:
        process.stop(stack.folder)
        os.close(ours)
    assert targets
    rc_was_read = "yes" if rc != ".profile" else ""
    assert f"target=sandbox aws={targets.aws} kubeconfig=none rc={rc_was_read}" in output, output
    assert ("[sandbox dev] mine> " in output) == (rc != ".profile"), output


def read_until(terminal: int, text: str) -> str:
    """Return a terminal's output up to a string or, for an empty string, until the terminal is closed."""
    output = ""
    while not text or text not in output:
        try:
            chunk = os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # On Linux, reading fails with EIO once no process has the terminal open.
            return output
        if not chunk:
            return output
        output += chunk
    return output
