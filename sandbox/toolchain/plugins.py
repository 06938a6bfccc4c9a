"""Provider plugins that are installed, and the settings that make them use the sandbox's targets."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.clouds.process import Targets
from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain.builds import RECIPES
from sandbox.workspace import VARIABLES, fill_variables

RECIPE = RECIPES["kubernetes-plugin"]
"""The recipe for the only provider plugin that a Go module proxy has."""


@dataclass(frozen=True)
class Plugins:
    """The packages that plugins serve, and the settings and variables that the engine needs for them."""

    programs: Mapping[str, Path] = field(default_factory=dict[str, Path])
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """Keys and values of the stack's configuration."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


NONE = Plugins()


def find(targets: Targets | None, progress: Progress) -> Plugins:
    """Return the installed plugins and print which program serves each package.

    A plugin on PATH is preferred, then the newest plugin in Pulumi's folder, then a built plugin.
    """
    if targets is None:
        raise CommandError(
            "PROVIDERS=real needs targets, and this stack uses none: make clean, or add TARGETS=all."
        )
    programs: dict[str, Path] = {}
    for package in (settings := VARIABLES["settings"]):
        stand_in = f"a stand-in, as no pulumi-resource-{package} is installed"
        if package == "kubernetes" and targets.kubeconfig is None:
            stand_in = "a stand-in, as no control plane is built"
        elif program := installed(package):
            programs[package] = program
        progress.step(f"{package}: {programs.get(package, stand_in)}")
    if not programs:
        return NONE
    folders = [program.parent for program in programs.values()]
    if targets.kubeconfig:
        # The `aws` program in this folder prints a token that the API server accepts.
        folders.insert(0, targets.kubeconfig.parent / "bin")
    templates = {key: text for name in programs for key, text in settings[name].items()}
    path = os.pathsep.join((*dict.fromkeys(map(str, folders)), os.environ.get("PATH", "")))
    variables = fill_variables(VARIABLES["plugins"], vars(targets)) | {"PATH": path}
    return Plugins(
        programs, fill_variables(templates, vars(targets)), client_environment(targets) | variables
    )


def client_environment(targets: Targets) -> dict[str, str]:
    """Return the variables with which the official clients and providers use the targets."""
    variables = fill_variables(VARIABLES["clients"], vars(targets))
    return variables | ({"KUBECONFIG": str(targets.kubeconfig)} if targets.kubeconfig else {})


def installed(package: str) -> Path | None:
    """Return the path of a package's plugin; None if the plugin is not installed."""
    name = f"pulumi-resource-{package}"
    if program := shutil.which(name):
        return Path(program).absolute()
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    versions = [
        (tuple(map(int, match[1].split("."))), folder / name)
        for folder in (home / "plugins").glob(f"resource-{package}-v*")
        if (match := re.fullmatch(rf"resource-{package}-v(\d+\.\d+\.\d+)", folder.name))
    ]
    executable = (candidate for candidate in versions if os.access(candidate[1], os.X_OK))
    return max(executable, default=((), RECIPE.cached_programs().get(name)))[1]
