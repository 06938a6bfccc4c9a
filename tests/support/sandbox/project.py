"""A project of a few Things, its policy pack, and the sandbox's command run on it as a process."""

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
        made = []
        for each, props in things.items():
            opts = pulumi.ResourceOptions(parent=self, protect=props.pop("protect", False))
            if "seconds" in props:  # what takes long comes last
                opts.depends_on = list(made)
            made.append(Thing(each, props, opts))
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
    """A folder with a stack dev, and the command on it."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".sandbox" / "dev"

    def things(self, **things: Any) -> None:
        """Declare these Things in the stack file."""
        config = {"pipe:things": things, "pipe:password": {"secure": "v1:somebody:elses"}}
        content = {"secretsprovider": "awskms://alias/x", "encryptionsalt": "v1:foreign", "config": config}
        (self.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(content))

    def start(self, command: str, *flags: str, stack: str = "dev") -> "subprocess.Popen[str]":
        """The command as a process; what it says on both streams is its stdout."""
        words = [
            sys.executable,
            "-m",
            "tests.support.sandbox.things",
            command,
            stack,
            "--project",
            self.root,
            *flags,
        ]
        return subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command: str, *flags: str, stack: str = "dev") -> tuple[int, str]:
        """The command to its end: exit code and what it said."""
        process = self.start(command, *flags, stack=stack)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def typed(self, text: str, command: str, *flags: str) -> tuple[int, str]:
        """The command on a terminal, with what somebody types there: exit code and what it said."""
        ours, theirs = pty.openpty()
        words = [
            sys.executable,
            "-m",
            "tests.support.sandbox.things",
            command,
            "dev",
            "--project",
            self.root,
            *flags,
        ]
        with os.fdopen(ours, "w") as keyboard, os.fdopen(theirs) as terminal:
            process = subprocess.Popen(
                words, cwd=ROOT, text=True, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            keyboard.write(text)
            keyboard.flush()
            said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def summary(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads((self.folder / "summary.json").read_text()))

    def wait_for_creation(self, of: str) -> None:
        """Until the provider is creating that Thing."""
        log = self.folder / "targets" / "creations"
        end = time.monotonic() + 180
        while not (log.exists() and f"{of} created" in log.read_text()):
            assert time.monotonic() < end, f"{of} is not created"
            time.sleep(0.05)

    def creations(self) -> list[str]:
        """What the provider created, and what it found in place, in order."""
        return sorted((self.folder / "targets" / "creations").read_text().split("\n")[:-1])


def make(root: Path) -> Project:
    """A project in an empty folder."""
    (root / "Pulumi.yaml").write_text("name: pipe\nruntime: python\nbackend:\n  url: s3://somewhere\n")
    (root / "__main__.py").write_text(PROGRAM)
    (root / "policies" / "config").mkdir(parents=True)
    (root / "policies" / "__main__.py").write_text(PACK)
    made = Project(root)
    made.things(**THINGS)
    return made
