"""Programs of pinned versions in the user's cache: downloaded once, or built once from Go modules."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.engine import lock
from sandbox.errors import CommandError, from_system_error
from sandbox.progress import Progress
from sandbox.toolchain import downloads
from sandbox.toolchain.downloads import Release

TOOLCHAIN = Path(__file__).parent

FEWER_COLLECTIONS = {"GOGC": "400", "GOMEMLIMIT": "2GiB"}
"""Variables with which Go's compiler and linker collect garbage more rarely: the default of GOGC is 100. Near
the limit of memory they collect more often (pkg.go.dev/runtime, Environment Variables).
"""

PINNED_BUILD = {"GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
"""Variables with which Go builds exactly what go.mod and go.sum pin. Without GOWORK, a go.work in any folder
above could replace modules (go.dev/ref/mod, Workspaces).
"""

WITHOUT_DEBUG_INFORMATION = "-gcflags=all=-dwarf=false"
"""Option of `go build` for compiling without debug information, which the linker would drop.

Builds with equal options share the packages that are in Go's cache.
"""

_table: dict[str, Any] = tomllib.loads((TOOLCHAIN / "recipes.toml").read_text())


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A row of recipes.toml: a folder below toolchain/, and the programs that are built from this folder.

    Programs with a published release are downloaded instead, if possible.
    """

    name: str
    pin: str
    packages: Mapping[str, str]
    time: str
    flags: str = ""
    download: Release | None = None
    """The published release; None if the programs are always built."""
    instead: str = "{programs} on PATH"
    """The alternative to a build; it completes a message after the word "put"."""
    without_go: str = (
        "no {programs} {version} in KUBEBUILDER_ASSETS or on PATH, and no Go to build with. "
        "Install Go {go} or newer (https://go.dev/dl/), and run this again."
    )

    @property
    def source(self) -> Path:
        """The folder with go.mod."""
        return TOOLCHAIN / self.name

    @property
    def version(self) -> str:
        """The pinned version of the program."""
        return self.pinned(self.pin)

    def pinned(self, before: str) -> str:
        """Return the version in go.mod that follows a match of the pattern `before`."""
        match = re.search(rf"{before}([\d.]+)", (self.source / "go.mod").read_text(), re.MULTILINE)
        if match is None:
            raise CommandError(f"{self.source / 'go.mod'} has no version after the pattern {before!r}.")
        return match[1]

    @property
    def folder(self) -> Path:
        """The folder for the built programs; its name depends on the pinned modules."""
        source = b"".join(file.read_bytes() for file in sorted(self.source.iterdir()))
        return cache_folder() / f"{self.name}-{self.version}-{hashlib.sha256(source).hexdigest()[:12]}"

    def cached_programs(self) -> dict[str, Path]:
        """Return the paths of the programs that are in the cache, by name."""
        return {name: self.folder / name for name in self.packages if (self.folder / name).exists()}

    def build(self, progress: Progress) -> dict[str, Path]:
        """Download or build the programs that the cache lacks, or wait for another run that does so.

        Return the paths of all programs, by name.
        """
        try:
            if len(self.cached_programs()) < len(self.packages):
                self.folder.mkdir(parents=True, exist_ok=True)
                progress.doing(f"another run is building {self.name}; waiting for it")
                with lock.hold_file(self.folder / "lock", progress.tick):
                    if len(self.cached_programs()) < len(self.packages) and not self._download(progress):
                        self._build_programs(progress)
        except OSError as error:
            raise from_system_error(
                error, cache_folder(), ", or set XDG_CACHE_HOME to another place"
            ) from error
        return self.cached_programs()

    def _download(self, progress: Progress) -> bool:
        """Download the release; return True if all programs are in the cache now."""
        if self.download is None:
            return False
        return downloads.fetch(self.download, self.packages, self.version, self.folder, progress)

    def _build_programs(self, progress: Progress) -> None:
        if (go := shutil.which("go")) is None:
            raise CommandError(self._fill(self.without_go))
        progress.step(f"building {self.name} {self.version} from Go modules, once; {self.time}")
        for interrupted_build in self.folder.glob("build-*"):
            shutil.rmtree(interrupted_build)
        flags = [WITHOUT_DEBUG_INFORMATION, "-ldflags", self._fill(f"-s -w {self.flags}".rstrip())]
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="build-") as work:
            for name, package in self.packages.items():
                log = Path(work) / "log"
                with (
                    log.open("w") as out,
                    subprocess.Popen(
                        [go, "build", "-v", "-o", Path(work) / name, *flags, package],
                        cwd=self.source,
                        env=FEWER_COLLECTIONS | os.environ | PINNED_BUILD,
                        stderr=out,
                    ) as process,
                ):
                    try:
                        last = _follow(process, log, progress, name)
                    except BaseException:
                        process.terminate()
                        raise
                if process.returncode != 0:
                    causes = (cause for cause in _table["causes"] if re.search(cause["pattern"], last))
                    cause = self._fill(next(causes)["means"])
                    raise CommandError(f"{name} cannot be built: {cause}\nOutput of Go:\n{last}")
                # A rename is atomic, so no other process sees an incomplete file.
                (Path(work) / name).replace(self.folder / name)
                progress.step(f"{name} {self.version} is built: {self.folder / name}")

    def _fill(self, text: str) -> str:
        programs = " and ".join(self.packages)
        return text.format(
            instead=self.instead.format(programs=programs),
            programs=programs,
            version=self.version,
            go=self.pinned(r"^go "),
            cache=cache_folder(),
        )


def _recipe(name: str, row: dict[str, Any]) -> Recipe:
    download: dict[str, Any] | None = row.pop("download", None)
    return Recipe(name=name, download=Release(**download) if download else None, **row)


RECIPES = {name: _recipe(name, row) for name, row in _table["recipes"].items()}


def cache_folder() -> Path:
    """Return the folder for built programs, below XDG_CACHE_HOME or ~/.cache.

    A relative XDG_CACHE_HOME is ignored, as the specification requires.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "pipe-infrastructure"


def version_of(program: str | Path, *arguments: str) -> str | None:
    """Return the version that a program prints, without a leading v; None if the program does not run."""
    try:
        env = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
        completed = subprocess.run([program, *arguments], env=env, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+\.\d+", completed.stdout)
    return match[0] if match else None


def _follow(process: "subprocess.Popen[bytes]", log: Path, progress: Progress, name: str) -> str:
    """Show the progress of a build until the build ends.

    Return the last lines of the log that are not names of modules or packages.
    """
    while True:
        lines = log.read_text(errors="replace").splitlines()
        downloaded = sum(line.startswith("go: downloading ") for line in lines)
        compiled = sum(" " not in line for line in lines)
        if process.poll() is not None:
            return "\n".join([line for line in lines if " " in line and "go: downloading " not in line][-15:])
        progress.tick(f"{name}: modules downloaded: {downloaded}, packages compiled: {compiled}")
        time.sleep(0.2)
