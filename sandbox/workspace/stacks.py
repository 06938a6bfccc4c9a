"""The stacks of the projects in a folder, with the folders and settings of each."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.errors import CommandError
from sandbox.wire.aws_account import ACCOUNT
from sandbox.workspace.yaml_tree import members, read

SETTINGS = ("tool", "sandbox")
"""The table in pyproject.toml with the sandbox's settings, all of which are optional.

- `requires`: for the name of a project, the name of the project whose stacks its stacks require
- `entities`: IAM users and roles that every account has before the first stack, such as `user/operator`,
  and connections to GitHub: `connection/REGION/ID`
- `zones`: names of Cloudflare zones, in addition to those in the stack files (`zoneName: …`)
- `charts`: versions of Helm charts, in addition to those in the stack files (`chartVersion: …`)
"""

ZONE = re.compile(r"^ +zoneName: *['\"]?([\w.-]+)", re.MULTILINE)
CHART_VERSION = re.compile(r"\bchartVersion: *['\"]?(\d[\w.-]*)")


@dataclass(frozen=True)
class Stack:
    """A stack and its folders."""

    name: str
    """Pulumi's name of the stack. Stacks of several projects can have the same name."""
    root: Path
    """The folder of all projects, with policies/, schemas/ and .sandbox/."""
    project: Path
    """The folder with the stack's Pulumi.yaml, Pulumi.<stack>.yaml and __main__.py."""
    project_name: str
    sandbox: Path
    """The folder with the targets and the lock, which the stacks with this name share: `.sandbox/<stack>`
    below `root`, or another folder in a review."""
    own: Path | None = None
    """The stack's own folder; None for a stack that uses the sandbox's folder."""

    @property
    def label(self) -> str:
        """The name on the command lines: `dev` in the root project, and `base/dev` in the project base/."""
        return self.name if self.project == self.root else f"{self.project.name}/{self.name}"

    @property
    def account(self) -> str:
        """The AWS account to which the stack file limits the provider; without a limit, the default one."""
        file = read(self.project / f"Pulumi.{self.name}.yaml")
        allowed = members(file["config"]).get("aws:allowedAccountIds") if "config" in file else None
        accounts: list[yaml.Node] = allowed.value if isinstance(allowed, yaml.SequenceNode) else []
        return next((str(account.value) for account in accounts), ACCOUNT)

    @property
    def folder(self) -> Path:
        """The folder with the stack's state and logs; `.sandbox/dev/base` for the project base/."""
        return self.own or self.sandbox

    @property
    def checkpoint(self) -> Path:
        """The file with the engine's state, in which secrets are encrypted."""
        return self.folder / "state" / ".pulumi" / "stacks" / self.project_name / f"{self.name}.json"

    @property
    def locks(self) -> Path:
        """The folder with the engine's locks for this stack."""
        return self.folder / "state" / ".pulumi" / "locks" / "organization" / self.project_name / self.name


def projects(root: Path) -> dict[str, Path]:
    """Return the project folder of each stack, by full name. Projects are in `root` and directly below it."""
    stacks: dict[str, Path] = {}
    for project in (root, *sorted(root.glob("[!.]*/"))):
        if (project / "Pulumi.yaml").exists():
            prefix = "" if project == root else f"{project.name}/"
            for file in sorted(project.glob("Pulumi.*.yaml")):
                stacks[f"{prefix}{file.name.removeprefix('Pulumi.').removesuffix('.yaml')}"] = project
    return stacks


def find_stack(root: Path, name: str, folder: Path | None = None) -> Stack:
    """Return the stack with a full name, such as `dev` or `foundation/dev`.

    `folder` replaces `.sandbox/<stack>` for all files of the stack. If no stack has the name, raise
    CommandError, whose message lists the stacks.
    """
    stacks = projects(root)
    if name not in stacks:
        allowed = ", ".join(sorted(stacks)) or f"none; a stack is a file Pulumi.<stack>.yaml below {root}"
        raise CommandError(f"no stack is called {name!r}. Stacks: {allowed}")
    stack_name = name.rpartition("/")[2]
    sandbox = folder or root / ".sandbox" / stack_name
    return _stack(root, stacks[name], stack_name, sandbox, inside=folder is None)


def _stack(root: Path, project: Path, name: str, sandbox: Path, *, inside: bool) -> Stack:
    """Return a stack; with `inside`, a stack outside the root project has its own folder in the sandbox's."""
    own = sandbox / project.name if inside and project != root else None
    return Stack(name, root, project, read(project / "Pulumi.yaml")["name"].value, sandbox, own)


def project_settings(root: Path) -> dict[str, Any]:
    """Return the table SETTINGS of the root's pyproject.toml; empty if there is none."""
    file = root / "pyproject.toml"
    table: dict[str, Any] = tomllib.loads(file.read_text()) if file.exists() else {}
    for key in SETTINGS:
        table = table.get(key, {})
    return table


def entities(root: Path) -> list[str]:
    """Return the users, roles and connections that every account has before the first stack."""
    return project_settings(root).get("entities", [])


def required_stack(stack: Stack) -> Stack | None:
    """Return the stack that must be up before `stack`; None if it requires no other.

    It has the same name, and belongs to the project that pyproject.toml names as required. Raise CommandError
    if there is no such stack.
    """
    required_project = project_settings(stack.root).get("requires", {}).get(stack.project_name)
    if required_project is None:
        return None
    for project in dict.fromkeys(projects(stack.root).values()):
        is_required = read(project / "Pulumi.yaml")["name"].value == required_project
        if is_required and (project / f"Pulumi.{stack.name}.yaml").exists():
            return _stack(stack.root, project, stack.name, stack.sandbox, inside=True)
    raise CommandError(
        f"{stack.label} requires the stack {stack.name} of {required_project}, which does not exist. "
        f"Write its Pulumi.{stack.name}.yaml, "
        f"or change [{'.'.join(SETTINGS)}.requires] in {stack.root / 'pyproject.toml'}."
    )


def stacks_in(stack: Stack) -> list[Stack]:
    """Return the stacks that share a stack's sandbox, itself included, in the order of their full names."""
    shared = [
        _stack(stack.root, project, stack.name, stack.sandbox, inside=True)
        for name, project in sorted(projects(stack.root).items())
        if name.rpartition("/")[2] == stack.name
    ]
    return shared if stack in shared else [stack]


def zones(stack: Stack) -> set[str]:
    """Return the names of the Cloudflare zones: those of SETTINGS, and those in the stack files."""
    return {*project_settings(stack.root).get("zones", [])} | _matches(stack, ZONE)


def chart_versions(stack: Stack) -> set[str]:
    """Return the versions of Helm charts: those of SETTINGS, and those in the stack files."""
    return {*project_settings(stack.root).get("charts", [])} | _matches(stack, CHART_VERSION)


def _matches(stack: Stack, pattern: re.Pattern[str]) -> set[str]:
    """Return the matches of a pattern's group in the stack files of all projects."""
    folders = {stack.project, *projects(stack.root).values()}
    files = (file.read_text(errors="replace") for folder in folders for file in folder.glob("Pulumi.*.yaml"))
    return {text for content in files for text in pattern.findall(content)}
