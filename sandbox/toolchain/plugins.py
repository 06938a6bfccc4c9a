"""Providers that are installed here as plugins, and the settings that send them to the sandbox's targets."""

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
from sandbox.workspace import VARIABLES, filled

RECIPE = RECIPES["kubernetes-plugin"]
"""Of the providers' plugins, the one that a Go module proxy has."""


@dataclass(frozen=True)
class Plugins:
    """What runs as a plugin, by package, and what the engine needs for it."""

    programs: Mapping[str, Path] = field(default_factory=dict[str, Path])
    settings: dict[str, str] = field(default_factory=dict[str, str])  # for the stack's configuration
    environment: dict[str, str] = field(default_factory=dict[str, str])


NONE = Plugins()


def find(targets: Targets | None, progress: Progress) -> Plugins:
    """The plugins on PATH, else the newest in Pulumi's folder, else those built; says what runs on which."""
    if targets is None:
        raise CommandError("PROVIDERS=real needs targets: leave TARGETS=none out.")
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
        folders.insert(0, targets.kubeconfig.parent / "bin")  # its aws gets a token that the server knows
    chosen = filled({key: text for name in programs for key, text in settings[name].items()}, vars(targets))
    path = os.pathsep.join((*dict.fromkeys(map(str, folders)), os.environ.get("PATH", "")))
    more = filled(VARIABLES["plugins"], vars(targets)) | {"PATH": path}
    return Plugins(programs, chosen, clients(targets) | more)


def clients(targets: Targets) -> dict[str, str]:
    """Variables that send the official clients and providers to the targets."""
    found = filled(VARIABLES["clients"], vars(targets))
    return found | ({"KUBECONFIG": str(targets.kubeconfig)} if targets.kubeconfig else {})


def installed(package: str) -> Path | None:
    """The plugin of a package."""
    name = f"pulumi-resource-{package}"
    if found := shutil.which(name):
        return Path(found).absolute()
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    versions = [
        (tuple(map(int, match[1].split("."))), folder / name)
        for folder in (home / "plugins").glob(f"resource-{package}-v*")
        if (match := re.fullmatch(rf"resource-{package}-v(\d+\.\d+\.\d+)", folder.name))
    ]
    runs = (each for each in versions if os.access(each[1], os.X_OK))
    return max(runs, default=((), RECIPE.built().get(name)))[1]
