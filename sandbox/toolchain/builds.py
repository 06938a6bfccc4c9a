"""Programs built from Go modules pinned in toolchain/, once, into the user's cache."""

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

TOOLCHAIN = Path(__file__).parent

_table: dict[str, Any] = tomllib.loads((TOOLCHAIN / "recipes.toml").read_text())


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A folder of toolchain/ and what is built from it, as recipes.toml says."""

    name: str
    pin: str
    packages: Mapping[str, str]
    time: str
    flags: str = ""
    instead: str = "{programs} on PATH"  # what makes building it unnecessary, after "put"
    without_go: str = (
        "no {programs} {version} in KUBEBUILDER_ASSETS or on PATH, and no Go to build with. "
        "Install Go {go} or newer (https://go.dev/dl/), and run this again."
    )

    @property
    def source(self) -> Path:
        return TOOLCHAIN / self.name

    @property
    def version(self) -> str:
        return self.pinned(self.pin)

    def pinned(self, before: str) -> str:
        """The version in go.mod that follows the pattern `before`."""
        match = re.search(rf"{before}([\d.]+)", (self.source / "go.mod").read_text(), re.MULTILINE)
        if match is None:
            raise CommandError(f"{self.source / 'go.mod'} pins nothing that looks like {before!r}.")
        return match[1]

    @property
    def folder(self) -> Path:
        """Where its programs are kept: another place for every change of what is pinned."""
        source = b"".join(file.read_bytes() for file in sorted(self.source.iterdir()))
        return cache_folder() / f"{self.name}-{self.version}-{hashlib.sha256(source).hexdigest()[:12]}"

    def built(self) -> dict[str, Path]:
        """The programs that are in the cache."""
        return {name: self.folder / name for name in self.packages if (self.folder / name).exists()}

    def build(self, progress: Progress) -> dict[str, Path]:
        """Build what is not in the cache; another run that does so is waited for."""
        try:
            if len(self.built()) < len(self.packages):
                self.folder.mkdir(parents=True, exist_ok=True)
                progress.doing(f"another run is building {self.name}; waiting for it")
                with lock.alone(self.folder / "lock", progress.tick):
                    if len(self.built()) < len(self.packages):
                        self._make(progress)
        except OSError as error:
            raise from_system_error(
                error, cache_folder(), ", or set XDG_CACHE_HOME to another place"
            ) from error
        return self.built()

    def _make(self, progress: Progress) -> None:
        if (go := shutil.which("go")) is None:
            raise CommandError(self._fill(self.without_go))
        progress.step(f"building {self.name} {self.version} from Go modules, once; {self.time}")
        for left_over in self.folder.glob("build-*"):
            shutil.rmtree(left_over)
        flags = ["-ldflags", self._fill(f"-s -w {self.flags}".rstrip())]
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="build-") as work:
            for name, package in self.packages.items():
                log = Path(work) / "log"
                with (
                    log.open("w") as out,
                    subprocess.Popen(
                        [go, "build", "-v", "-o", Path(work) / name, *flags, package],
                        cwd=self.source,
                        env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
                        stderr=out,
                    ) as process,
                ):
                    try:
                        last = _follow(process, log, progress, name)
                    except BaseException:
                        process.terminate()
                        raise
                if process.returncode != 0:
                    found = (each["means"] for each in _table["causes"] if re.search(each["said"], last))
                    raise CommandError(f"{name} cannot be built: {self._fill(next(found))}\nGo says:\n{last}")
                # In one step: whoever sees the file sees all of it.
                (Path(work) / name).replace(self.folder / name)
                progress.step(f"{name} {self.version} is built: {self.folder / name}")

    def _fill(self, text: str) -> str:
        programs = " and ".join(self.packages)
        words = {"version": self.version, "go": self.pinned(r"^go "), "cache": cache_folder()}
        return text.format(instead=self.instead.format(programs=programs), programs=programs, **words)


RECIPES = {name: Recipe(name=name, **row) for name, row in _table["recipes"].items()}


def cache_folder() -> Path:
    """Where built programs are kept: XDG_CACHE_HOME, by its specification ignored when not absolute."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "pipe-infrastructure"


def version_of(program: str | Path, *words: str) -> str | None:
    """The version that a program calls itself, without the v; None when it does not run."""
    try:
        env = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
        said = subprocess.run([program, *words], env=env, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\d+\.\d+\.\d+", said)
    return match[0] if match else None


def _follow(process: "subprocess.Popen[bytes]", log: Path, progress: Progress, name: str) -> str:
    """See the build to its end; its last words, but for the names of modules and packages."""
    while True:
        lines = log.read_text(errors="replace").splitlines()
        downloaded = sum(line.startswith("go: downloading ") for line in lines)
        compiled = sum(" " not in line for line in lines)
        if process.poll() is not None:
            return "\n".join([line for line in lines if " " in line and "go: downloading " not in line][-15:])
        progress.tick(f"{name}: modules downloaded: {downloaded}, packages compiled: {compiled}")
        time.sleep(0.2)
