"""A project with the file provider and a policy pack, on which tests run the sandbox's commands."""

import json
import os
import pty
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).parents[3]

PROGRAM = """\
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name, props, opts=None):
        super().__init__("test:index:Thing", name, props, opts)

class Shelf(pulumi.ComponentResource):
    def __init__(self, name, things):
        super().__init__("pipe:shelf:Shelf", name)
        earlier = []
        for thing_name, props in things.items():
            opts = pulumi.ResourceOptions(parent=self, protect=props.pop("protect", False))
            if "seconds" in props:  # Slow resources are created last.
                opts.depends_on = list(earlier)
            earlier.append(Thing(thing_name, props, opts))
        self.register_outputs({})

config = pulumi.Config("pipe")
things = config.require_object("things")
if fault := things.pop("fault", None):
    raise pulumi.RunError(fault)
password = config.require_secret("password")
Shelf("shelf", {name: {**props, "password": password} for name, props in things.items()})
pulumi.export("url", "https://dev.pipe.dev")
pulumi.export("password", password)
"""
PACK = """\
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, Severity

def small(args, report):
    if args.props.get("size", 0) > 9:
        report(f"size is {args.props['size']}; set it to 9 or less")

PolicyPack("test", [ResourceValidationPolicy("thing-size-small", "Things are small.", small,
    severity=Severity.HIGH, enforcement_level=EnforcementLevel.ADVISORY)])
"""
THINGS: dict[str, dict[str, Any]] = {"cup": {"size": 1}, "jug": {"size": 2}}


@dataclass(frozen=True)
class Project:
    """A project folder with a stack `dev`, and methods that run the sandbox's commands."""

    root: Path

    @property
    def folder(self) -> Path:
        """The sandbox's folder for the stack."""
        return self.root / ".sandbox" / "dev"

    def things(self, **things: Any) -> None:
        """Write a stack file that declares the given resources."""
        config = {"pipe:things": things, "pipe:password": {"secure": "v1:somebody:elses"}}
        content = {"secretsprovider": "awskms://alias/x", "encryptionsalt": "v1:foreign", "config": config}
        (self.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(content))

    def require_base(self, **things: Any) -> None:
        """Let the stack require the stack `dev` of a project `base`, which declares the given resources."""
        base = self.root / "base"
        base.mkdir(exist_ok=True)
        (base / "Pulumi.yaml").write_text("name: pipe-base\nruntime: python\n")
        (base / "__main__.py").write_text(PROGRAM)
        config = {"pipe:things": things, "pipe:password": "of the base"}
        (base / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
        (self.root / "pyproject.toml").write_text('[tool.sandbox.requires]\npipe = "pipe-base"\n')

    def start(self, command: str, *flags: str, stack: str = "dev") -> "subprocess.Popen[str]":
        """Start a command, whose stdout has both output streams."""
        return subprocess.Popen(
            self._arguments(command, stack, *flags),
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: str, *flags: str, stack: str = "dev") -> tuple[int, str]:
        """Run a command; return its exit code and output."""
        process = self.start(command, *flags, stack=stack)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def run_with_answer(self, answer: str, command: str, *flags: str) -> tuple[int, str]:
        """Run a command on a terminal and type `answer`; return the exit code and the output."""
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "w") as keyboard, os.fdopen(theirs) as terminal:
            process = subprocess.Popen(
                self._arguments(command, "dev", *flags),
                cwd=ROOT,
                text=True,
                stdin=terminal,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            keyboard.write(answer)
            keyboard.flush()
            output, _ = process.communicate(timeout=120)
        return process.returncode, output

    def _arguments(self, command: str, stack: str, *flags: str) -> list[str]:
        program = [sys.executable, "-m", "tests.support.sandbox.file_provider"]
        return [*program, command, stack, "--project", str(self.root), *flags]

    def summary(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        return cast(dict[str, Any], json.loads((self.folder / "summary.json").read_text()))

    def wait_for_creation(self, of: str) -> None:
        """Wait until the provider has begun to create the resource `of`."""
        log = self.folder / "targets" / "creations"
        end = time.monotonic() + 180
        while not (log.exists() and f"{of} created" in log.read_text()):
            assert time.monotonic() < end, f"{of} is not created"
            time.sleep(0.05)

    def creations(self) -> list[str]:
        """Return the sorted lines of the provider's log of created and adopted resources."""
        return sorted((self.folder / "targets" / "creations").read_text().split("\n")[:-1])


def create_project(root: Path) -> Project:
    """Write the project to an empty folder and return it."""
    (root / "Pulumi.yaml").write_text("name: pipe\nruntime: python\nbackend:\n  url: s3://somewhere\n")
    (root / "__main__.py").write_text(PROGRAM)
    (root / "policies" / "config").mkdir(parents=True)
    (root / "policies" / "__main__.py").write_text(PACK)
    project = Project(root)
    project.things(**THINGS)
    return project
