"""Sandboxes of the committed stacks: a copy of the program's files, and commands that use the copy."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli
from sandbox.workspace import stacks
from sandbox.workspace.environment import engine_variables

ROOT = Path(__file__).parents[2]
RUN_SECONDS = 900
"""Largest time of a command: many times what it takes, since tests share the machine."""
PARTS = (
    "components",
    "foundation",
    "policies",
    "schemas",
    "__main__.py",
    "eks_versions.py",
    "lazy_sdk.py",
    "Pulumi.yaml",
    "pyproject.toml",
)


@dataclass(frozen=True)
class Stack:
    """Stack of a copied tree."""

    root: Path
    name: str
    """The full name, such as `dev` or `foundation/dev`."""
    targets: str = "none"
    """Targets of the stack's providers: `none` is fast, `all` starts the local APIs."""

    def run(self, command: str, *flags: str) -> tuple[int, str]:
        """Run a command of the sandbox; return the exit code and the output of both streams."""
        process = self.start(command, *flags)
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise AssertionError(f"{command} did not end in {RUN_SECONDS} seconds:\n{output}") from None
        return process.returncode, output

    def start(self, command: str, *flags: str) -> "subprocess.Popen[str]":
        """Start the command as leader of a process group, with both output streams in its stdout."""
        arguments = ["sandbox", command, self.name, "--project", self.root, "--targets", self.targets]
        return subprocess.Popen(
            [sys.executable, "-m", *arguments, *flags],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def summary(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads((self.folder / "summary.json").read_text()))

    @property
    def located(self) -> stacks.Stack:
        """The stack with its folders, as the sandbox finds it."""
        return stacks.find_stack(self.root, self.name)

    @property
    def folder(self) -> Path:
        """The folder with the stack's state and logs."""
        return self.sandbox / self.name.rpartition("/")[0]

    @property
    def sandbox(self) -> Path:
        """The folder with the targets, which the stacks of an account share."""
        return self.root / ".sandbox" / self.name.rpartition("/")[2]

    @property
    def file(self) -> Path:
        """The stack file, relative to the root."""
        project, _, name = self.name.rpartition("/")
        return Path(project) / f"Pulumi.{name}.yaml"

    def secrets(self) -> dict[str, str]:
        """Return the random secrets of the sandbox by key, as the engine reads them."""
        printed = subprocess.run(
            [pulumi_cli.find(Progress()), "config", "--show-secrets", "--json", "--stack", self.located.name],
            cwd=self.folder,
            env=engine_variables(self.located, {}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return {key: value["value"] for key, value in json.loads(printed).items() if value["secret"]}

    def files_with(self, *texts: str) -> set[str]:
        """Return the sandbox's files that contain one of the strings, plain or in base64."""
        searched = [form.encode() for text in texts for form in forms(text)]
        files = {file: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        matches = {file for file, content in files.items() if any(form in content for form in searched)}
        return {str(file.relative_to(self.folder)) for file in matches}

    def change(self, topic: str, *path: str | int, value: object) -> None:
        """Set one key of the stack file: `change("proxy", "minTls", value="1.1")`."""
        file = self.root / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(file.read_text())
        node = content["config"][f"pipe:{topic}"]
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value
        file.write_text(yaml.safe_dump(content))

    def setting(self, topic: str, *path: str | int) -> Any:
        """Return the value of one key of the stack file."""
        node: Any = yaml.safe_load((self.root / f"Pulumi.{self.name}.yaml").read_text())["config"]
        for step in (f"pipe:{topic}", *path):
            node = node[step]
        return node

    def edit(self, file: str, before: str, after: str) -> None:
        """Replace a string in a source file; fail if the file does not contain the string."""
        text = (self.root / file).read_text()
        assert before in text, f"{file} no longer has {before!r}"
        (self.root / file).write_text(text.replace(before, after))


def forms(text: str) -> list[str]:
    """Return a string, and the parts of its base64 forms that do not depend on adjacent bytes."""
    variants = [text]
    for before in range(3):  # Number of bytes that precede the string in its first group of three.
        encoded = base64.b64encode(bytes(before) + text.encode()).decode()
        variants.append(encoded[-(-before * 8 // 6) : (before + len(text.encode())) * 8 // 6])
    return variants


def shorten_settle_time(root: Path) -> None:
    """Let a copied tree's pods count as available after one second instead of ten.

    A rollout waits this long for each pod without doing anything.
    """
    file = root / "components" / "kubernetes" / "deployments.py"
    source = file.read_text()
    assert source.count("\nSETTLE_SECONDS = 10\n") == 1
    file.write_text(source.replace("\nSETTLE_SECONDS = 10\n", "\nSETTLE_SECONDS = 1\n"))


def copy(to: Path, stack: str, targets: str = "none") -> Stack:
    """Copy the program's files to an empty folder, without sandboxes; return the stack."""
    copy_program(to)
    return Stack(to, stack, targets)


def copy_program(to: Path) -> None:
    """Copy the program's files to an empty folder, with the modules that are compiled.

    That saves 0.4 of the 6 s of CPU time of the first preview. Python compiles a module again if its time or
    size has changed. The name of an unfinished file, which another process writes, has a number at its end.
    """
    for part in (*PARTS, *(file.name for file in ROOT.glob("Pulumi.*.yaml"))):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy2(source, to / part)
