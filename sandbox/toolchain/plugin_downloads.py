"""Downloads of provider plugins with `pulumi plugin install`, and the cached answers."""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.progress import Progress
from sandbox.toolchain import downloads
from sandbox.toolchain.builds import cache_folder
from sandbox.workspace.files import write_atomically

ANSWER_SECONDS = 10.0
"""Seconds without a downloaded byte after which a plugin counts as one that cannot be downloaded."""

VALID_SECONDS = 24 * 3600.0
"""Seconds for which the answer that a plugin cannot be downloaded is not asked again."""


def home() -> Path:
    """Return the PULUMI_HOME with the downloaded plugins, in the folder for built programs."""
    return cache_folder() / "pulumi-home"


def fetch(
    engine: Path, versions: Mapping[str, str], progress: Progress, *, again: bool = False
) -> frozenset[str]:
    """Download plugins of the given versions, by package; return the packages that cannot be downloaded.

    A plugin that could not be downloaded during the last VALID_SECONDS is not asked for, unless `again` is
    true. Without permission to download (SANDBOX_DOWNLOADS=never), nothing is asked and no answer is kept.
    """
    if not downloads.allowed():
        return frozenset(versions)
    file = cache_folder() / "unavailable-plugins.json"
    unavailable = {} if again else _read(file)
    now = time.time()
    names = {package: f"{package}-{version}" for package, version in versions.items()}
    missing = {
        package: version
        for package, version in versions.items()
        if not 0 <= now - unavailable.get(names[package], 0.0) < VALID_SECONDS
    }
    if missing:
        progress.step(f"asking `pulumi plugin install` for {', '.join(sorted(missing))}")
        home().mkdir(parents=True, exist_ok=True)
        failed = _install(engine, missing, progress)
        answers = _read(file)
        for package in missing:
            answers.pop(names[package], None)
        answers |= {names[package]: now for package in failed}
        write_atomically(file, json.dumps(answers))
        unavailable |= answers
    return frozenset(package for package, name in names.items() if name in unavailable)


@dataclass
class _Installation:
    """A running `pulumi plugin install`."""

    process: "subprocess.Popen[bytes]"
    folders: tuple[Path, Path]
    """The folder for the archive, and the plugin's folder."""
    size: int = 0
    """The bytes in the folders at the last look."""
    changed: float = field(default_factory=time.monotonic)
    """The time at which the size changed last."""

    def is_stalled(self) -> bool:
        """Return True if no byte has arrived for ANSWER_SECONDS."""
        size = sum(map(_size, self.folders))
        if size != self.size:
            self.size, self.changed = size, time.monotonic()
        return time.monotonic() - self.changed > ANSWER_SECONDS


def _install(engine: Path, versions: Mapping[str, str], progress: Progress) -> set[str]:
    """Run an installation per package at the same time; return the packages whose installation failed."""
    failed: set[str] = set()
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="plugins-") as work:
        running: dict[str, _Installation] = {}
        try:
            for package, version in versions.items():
                running[package] = _start(engine, package, version, Path(work) / package)
            while running:
                for package, installation in list(running.items()):
                    if installation.process.poll() is None and not installation.is_stalled():
                        continue
                    if installation.process.poll() != 0:
                        failed.add(package)
                    _end(running.pop(package).process)
                if running:
                    megabytes = sum(installation.size for installation in running.values()) >> 20
                    progress.tick(f"downloading plugins: {', '.join(sorted(running))}; {megabytes} MB so far")
                    time.sleep(0.05)
        finally:
            for installation in running.values():
                _end(installation.process)
    return failed


def _start(engine: Path, package: str, version: str, temporary: Path) -> _Installation:
    temporary.mkdir()
    environment = os.environ | {
        "PULUMI_HOME": str(home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TMPDIR": str(temporary),  # The engine saves the archive there.
    }
    process = subprocess.Popen(
        [engine, "plugin", "install", "resource", package, version],
        env=environment,
        cwd=temporary,  # The command reads the Pulumi.yaml of its folder, if there is one.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    plugin = home() / "plugins" / f"resource-{package}-v{version}"
    return _Installation(process, (temporary, plugin))


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def _size(folder: Path) -> int:
    """Return the number of bytes in a folder; files that vanish meanwhile do not count."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.stat().st_size
    return total


def _read(file: Path) -> dict[str, float]:
    """Return the times of the answers, by plugin; empty if the file is missing or damaged."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        return {str(name): float(at) for name, at in json.loads(file.read_text()).items()}
    return {}
