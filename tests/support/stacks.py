"""The committed stacks in a sandbox of their own: a copy of what they are made of, and the command on it."""

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from sandbox import workspace
from sandbox.progress import Progress
from sandbox.toolchain import pulumi_cli

ROOT = Path(__file__).parents[2]
PARTS = (
    "components",
    "foundation",
    "policies",
    "schemas",
    "__main__.py",
    "eks_versions.py",
    "lazy_sdk.py",
    "Pulumi.yaml",
)


@dataclass(frozen=True)
class Stack:
    """A stack of a copied tree."""

    root: Path
    name: str
    targets: str = "none"
    """What is behind its providers: `none` is quick, `all` is real."""

    def run(self, command: str, *flags: str) -> tuple[int, str]:
        """One command of the sandbox: its exit code and what it said on both streams."""
        process = self.start(command, *flags)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said

    def start(self, command: str, *flags: str) -> "subprocess.Popen[str]":
        """The command as a process, leader of a group; what it says on both streams is its stdout."""
        words = [sys.executable, "-m", "sandbox", command, self.name, "--project", self.root]
        return subprocess.Popen(
            [*words, "--targets", self.targets, *flags],
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
    def folder(self) -> Path:
        return self.root / ".sandbox" / self.name

    def secrets(self) -> dict[str, str]:
        """The random values that the sandbox entered, as the engine reads them, by their keys."""
        printed = subprocess.run(
            [pulumi_cli.find(Progress()), "config", "--show-secrets", "--json", "--stack", self.name],
            cwd=self.folder,
            env=workspace.environment(workspace.find_stack(self.root, self.name), {}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return {key: each["value"] for key, each in json.loads(printed).items() if each["secret"]}

    def files_with(self, *texts: str) -> set[str]:
        """The files of its sandbox in which one of these texts is, as it is or in base64."""
        searched = [form.encode() for text in texts for form in forms(text)]
        files = {file: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        found = {file for file, content in files.items() if any(each in content for each in searched)}
        return {str(file.relative_to(self.folder)) for file in found}

    def change(self, topic: str, *path: str | int, value: object) -> None:
        """Set one key of the stack file: `change("proxy", "minTls", value="1.1")`."""
        file = self.root / f"Pulumi.{self.name}.yaml"
        content = yaml.safe_load(file.read_text())
        place = content["config"][f"pipe:{topic}"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        file.write_text(yaml.safe_dump(content))

    def setting(self, topic: str, *path: str | int) -> Any:
        """One key of the stack file."""
        place: Any = yaml.safe_load((self.root / f"Pulumi.{self.name}.yaml").read_text())["config"]
        for step in (f"pipe:{topic}", *path):
            place = place[step]
        return place

    def edit(self, file: str, before: str, after: str) -> None:
        """Replace a piece of a source file that has to be there."""
        text = (self.root / file).read_text()
        assert before in text, f"{file} no longer has {before!r}"
        (self.root / file).write_text(text.replace(before, after))


def forms(text: str) -> list[str]:
    """A text as it is, and what is the same of it in base64 whatever stands before and after it."""
    found = [text]
    for before in range(3):  # bytes of what stands before it in its first group of three
        encoded = base64.b64encode(bytes(before) + text.encode()).decode()
        found.append(encoded[-(-before * 8 // 6) : (before + len(text.encode())) * 8 // 6])
    return found


def copy(to: Path, stack: str, targets: str = "none") -> Stack:
    """The tree in an empty folder, without caches and sandboxes."""
    for part in (*PARTS, *(file.name for file in ROOT.glob("Pulumi.*.yaml"))):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / part)
    return Stack(to, stack, targets)
