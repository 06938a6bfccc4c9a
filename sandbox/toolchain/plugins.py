"""The choice between provider plugins and stand-ins, and the settings with which plugins use the targets."""

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sandbox.errors import CommandError
from sandbox.progress import Progress
from sandbox.toolchain import plugin_downloads
from sandbox.toolchain.builds import RECIPES
from sandbox.wire.targets import Targets
from sandbox.workspace import state
from sandbox.workspace.environment import VARIABLES, fill_variables
from sandbox.workspace.files import write_atomically
from sandbox.workspace.stacks import Stack, stacks_in

RECIPE = RECIPES["kubernetes-plugin"]
"""The recipe for the only provider plugin that can be built from a Go module proxy."""

AUTO, REAL, STAND_INS = "auto", "real", "stand-ins"
"""The values of the option `--providers`.

- AUTO: a plugin that is installed or can be downloaded; otherwise a stand-in
- REAL: as AUTO, but with a new attempt to download each missing plugin, and never without targets
- STAND_INS: a stand-in for every package
"""

CHOICE_FILE = "providers-choice"
"""File in a sandbox's folder with the packages that plugins served last, as a JSON list."""


@dataclass(frozen=True)
class Plugins:
    """The packages that plugins serve, and the settings and variables that the engine needs for them."""

    programs: Mapping[str, Path] = field(default_factory=dict[str, Path])
    settings: dict[str, str] = field(default_factory=dict[str, str])
    """Keys and values of the stack's configuration."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


NONE = Plugins()


def choose(choice: str, engine: Path, stack: Stack, targets: Targets | None, progress: Progress) -> Plugins:
    """Return the plugins for a stack's sandbox; print which packages they serve, and why not the others.

    While a state of the sandbox has resources, AUTO keeps the last choice, since plugins and stand-ins write
    some inputs differently. Raise CommandError for REAL without targets.
    """
    if targets is None and choice == REAL:
        raise CommandError(
            "PROVIDERS=real needs targets, but this stack uses none. Add TARGETS=all; if the stack has "
            "resources, run `make clean` first."
        )
    if targets is None:
        return NONE
    file = stack.sandbox / CHOICE_FILE
    if choice == STAND_INS:
        selected = NONE
    else:
        keep = choice == AUTO and file.exists() and any(map(state.has_content, stacks_in(stack)))
        kept = frozenset(json.loads(file.read_text())) if keep else None
        selected = find(targets, progress, engine, kept=kept, again=choice == REAL)
    write_atomically(file, json.dumps(sorted(selected.programs)))
    return selected


def find(
    targets: Targets,
    progress: Progress,
    engine: Path,
    *,
    kept: frozenset[str] | None = None,
    again: bool = False,
) -> Plugins:
    """Return the plugins that are installed or can be downloaded; print the program or reason per package.

    A plugin on PATH is preferred, then one in Pulumi's folder or a downloaded one, then a built one.

    - `kept`: the only packages that plugins may serve; None for all
    - `again`: True to repeat a download that failed before
    """
    reasons: dict[str, list[str]] = defaultdict(list)
    programs: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for package in (settings := VARIABLES["settings"]):
        if package == "kubernetes" and targets.kubeconfig is None:
            reasons["no control plane is built"].append(package)
        elif kept is not None and package not in kept:
            reasons["they created the resources of this sandbox"].append(package)
        elif program := installed(package):
            programs[package] = program
        elif sdk := sdk_version(package):
            missing[package] = sdk
        else:
            reasons["no SDK and no plugin is installed"].append(package)
    unavailable = (
        plugin_downloads.fetch(engine, missing, progress, again=again) if missing else frozenset[str]()
    )
    for package in missing:
        program = None if package in unavailable else installed(package)
        if program:
            programs[package] = program
        else:
            reasons["no plugin is installed, and none can be downloaded"].append(package)
    for package, program in sorted(programs.items()):
        progress.step(f"{package}: {program}")
    for reason, packages in reasons.items():
        progress.step(f"{', '.join(sorted(packages))}: stand-ins, since {reason}")
    return _use(programs, settings, targets) if programs else NONE


def _use(
    programs: Mapping[str, Path], settings: Mapping[str, Mapping[str, str]], targets: Targets
) -> Plugins:
    """Return the plugins with the settings and variables that make them use the targets."""
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


def sdk_version(package: str) -> str | None:
    """Return the version of a package's Python SDK; None if it is not installed."""
    try:
        return version(f"pulumi-{package}")
    except PackageNotFoundError:
        return None


def installed(package: str) -> Path | None:
    """Return the path of a package's plugin; None if the plugin is not installed.

    In Pulumi's folder, a plugin must have the SDK's major version. The SDK's own version is preferred, then
    the newest one.
    """
    name = f"pulumi-resource-{package}"
    if program := shutil.which(name):
        return Path(program).absolute()
    sdk = sdk_version(package)
    homes = (Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"), plugin_downloads.home())
    candidates = [
        (match[1] == sdk, tuple(map(int, match[1].split("."))), folder / name)
        for home in homes
        for folder in (home / "plugins").glob(f"resource-{package}-v*")
        if (match := re.fullmatch(rf"resource-{package}-v(\d+\.\d+\.\d+)", folder.name))
        if sdk is None or match[1].split(".")[0] == sdk.split(".")[0]
        if os.access(folder / name, os.X_OK)
    ]
    return max(candidates)[2] if candidates else RECIPE.cached_programs().get(name)
