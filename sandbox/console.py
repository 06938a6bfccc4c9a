"""A shell in which kubectl, aws and other clients use a stack's targets."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox import target_selection
from sandbox.clouds import process
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.role_session import open_session
from sandbox.toolchain import plugins
from sandbox.wire.aws_identity import Identity
from sandbox.workspace import yaml_tree
from sandbox.workspace.environment import ACCOUNT_VARIABLE, SERVICES
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack

START_UP = re.compile(r"(BASH_ENV|ENV|PROMPT_COMMAND|ZDOTDIR|PS1)$")
"""Environment variables that make a shell run or print something when it starts."""

AFTER_USER_FILES = """\
__sandbox_pattern='^(({services})_[A-Za-z0-9_]*|KUBECONFIG|[A-Za-z]+_(PROXY|proxy))=.*'
for __sandbox_name in $(env | sed -nE "s/$__sandbox_pattern/\\1/p"); do unset "$__sandbox_name"; done
{exports}
__sandbox_prompt() {{
  case $PS1 in "$__sandbox_mark"*) ;; *) PS1="$__sandbox_mark$PS1" ;; esac
}}
__sandbox_mark={mark}
"""
"""The commands that run after the user's own start-up files.

They export the sandbox's variables again, since those files may set variables that give access to an account.
They also put the sandbox's mark before the prompt.
"""

BASH = """\
[ -f ~/.bashrc ] && . ~/.bashrc
{after}
if [[ $(declare -p PROMPT_COMMAND 2> /dev/null) == "declare -a"* ]]; then
  PROMPT_COMMAND+=(__sandbox_prompt)
else
  PROMPT_COMMAND="${{PROMPT_COMMAND:+${{PROMPT_COMMAND%;}};}}__sandbox_prompt"
fi
__sandbox_prompt
"""
ZSH_ENV = """\
[ -f {home}/.zshenv ] && . {home}/.zshenv
ZDOTDIR={own}
"""
ZSH_RC = """\
ZDOTDIR={home}
[ -f {home}/.zshrc ] && . {home}/.zshrc
{after}
autoload -Uz add-zsh-hook && add-zsh-hook precmd __sandbox_prompt
__sandbox_prompt
"""


def run(stack: Stack, progress: Progress, role: str = "") -> int:
    """Open the caller's shell with the variables of the targets, such as KUBECONFIG; return its exit code.

    With a `role`, AWS's clients use a session of this role. Raise CommandError if the account has no such
    role, or if no targets run.
    """
    targets = process.find_running(stack.sandbox)
    if targets is None:
        raise CommandError(target_selection.advice(stack))
    config = yaml_tree.read(stack.project / f"Pulumi.{stack.name}.yaml")["config"]
    settings = {key.value: value.value for key, value in config.value}
    variables = {"AWS_DEFAULT_REGION": settings.get("aws:region", ""), "TARGET": "sandbox"}
    examples = "aws ec2 describe-vpcs; "
    examples += 'curl -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" $CLOUDFLARE_BASE_URL/zones'
    path = os.environ.get("PATH", "")
    if targets.kubeconfig:
        from sandbox.clouds.kubernetes import control_plane

        kubectl = (control_plane.find() or {}).get("kubectl")
        path = f"{kubectl.parent}{os.pathsep}{path}" if kubectl else path
        examples = f"kubectl get pods -A; {examples}"
    wrapper = stack.folder / "bin" / "aws"
    folders = [folder for folder in path.split(os.pathsep) if folder != str(wrapper.parent)]
    path = os.pathsep.join(folders)
    if aws := shutil.which("aws", path=path):
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        # Versions of `aws` before 2.13 (Debian 12 has 2.9) ignore AWS_ENDPOINT_URL and would call AWS itself.
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(aws)} --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
        wrapper.chmod(0o700)
        path = f"{wrapper.parent}{os.pathsep}{path}"
    progress.say(
        f"Commands in this shell use the targets of {stack.label}. `exit` ends the shell. Try: {examples}"
    )
    shell = os.environ.get("SHELL") or shutil.which("bash") or "/bin/sh"
    inherited = {
        name: text
        for name, text in os.environ.items()
        if not ACCOUNT_VARIABLE.match(name) and not START_UP.match(name)
    }
    identity = Identity()
    open_session(role, stack, targets, identity, progress)
    exported = plugins.client_environment(targets) | identity.variables() | variables | {"PATH": path}
    command, shell_variables = start_up(shell, stack, exported)
    environment = inherited | exported | shell_variables
    return subprocess.run(command, env=environment, cwd=stack.root).returncode


def mark(stack: Stack) -> str:
    """Return the string that precedes every prompt of the shell."""
    return f"[sandbox {stack.label}] "


def start_up(shell: str, stack: Stack, exported: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the shell's command and further variables, so that no start-up file overrides `exported`.

    The sandbox's start-up file runs after the user's files. Bash reads it in place of .bashrc, and Zsh finds
    it in ZDOTDIR. Any other POSIX shell reads only the file that ENV names.
    """
    folder = stack.folder / "shell"
    folder.mkdir(parents=True, exist_ok=True)
    exports = "\n".join(f"export {name}={shlex.quote(text)}" for name, text in exported.items())
    after = AFTER_USER_FILES.format(services=SERVICES, exports=exports, mark=shlex.quote(mark(stack)))
    name = Path(shell).name
    if name == "bash":
        file = folder / "bashrc"
        write_atomically(file, BASH.format(after=after))
        return [shell, "--rcfile", str(file)], {}
    if name == "zsh":
        home = shlex.quote(os.environ.get("ZDOTDIR") or str(Path.home()))
        own = shlex.quote(str(folder))
        write_atomically(folder / ".zshenv", ZSH_ENV.format(home=home, own=own))
        write_atomically(folder / ".zshrc", ZSH_RC.format(home=home, after=after))
        return [shell], {"ZDOTDIR": str(folder)}
    file, prompt = folder / "shrc", f"{mark(stack)}$ "
    write_atomically(file, f"{exports}\nPS1={shlex.quote(prompt)}\n")
    return [shell], {"ENV": str(file), "PS1": prompt}
