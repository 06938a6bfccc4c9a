"""Programs built from Go modules pinned in toolchain/, once, into the user's cache."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.fault import Fault, of_system
from sandbox.lock import take
from sandbox.progress import Progress

TOOLCHAIN = Path(__file__).parent / "toolchain"

CAUSES = {
    r"requires go >=|unknown directive|invalid go version|toolchain not available": (
        "Go is too old. Install Go {go} or newer (https://go.dev/dl/), or put {instead}."
    ),
    r"no space left on device|disk quota exceeded": (
        "the disk is full. Free about 4 GB for Go's caches (go env GOCACHE GOMODCACHE) and {cache}."
    ),
    r"dial tcp|no such host|timeout|connection re(fused|set)|TLS handshake|proxyconnect|\b(403|410|50\d) ": (
        "the Go module registry cannot be reached. Check the network and GOPROXY (go env GOPROXY), "
        "or put {instead}. What is downloaded already is kept."
    ),
}
"""What a failed build says, and what that means."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A folder of toolchain/ with go.mod and go.sum, and what is built from it."""

    name: str
    """The folder's; also what the user reads."""
    pin: str
    """A pattern: the version follows it in go.mod."""
    packages: Mapping[str, str]
    """The Go package of each program."""
    flags: str = ""
    """For the linker, beside those that strip it; {version} is replaced."""
    time: str
    """How long it takes, in words."""
    instead: str
    """What makes building it unnecessary, after "put": `pulumi itself on PATH`."""
    without_go: str
    """What to do where there is no Go; {version} and {go} are replaced."""

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
            raise Fault(f"{self.source / 'go.mod'} pins nothing that looks like {before!r}.")
        return match[1]

    @property
    def folder(self) -> Path:
        """Where its programs are kept: another place for every change of what is pinned."""
        modules = (self.source / "go.mod").read_bytes() + (self.source / "go.sum").read_bytes()
        return cache_folder() / f"{self.name}-{self.version}-{hashlib.sha256(modules).hexdigest()[:12]}"

    def built(self) -> dict[str, Path]:
        """The programs that are in the cache."""
        return {name: self.folder / name for name in self.packages if (self.folder / name).exists()}

    def build(self, progress: Progress) -> dict[str, Path]:
        """Build what is not in the cache; another run that does so is waited for."""
        try:
            if len(self.built()) < len(self.packages):
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / "lock").open("w") as lock:
                    progress.doing(f"another run is building {self.name}; waiting for it")
                    while not take(lock.fileno()):
                        progress.tick()
                        time.sleep(0.5)
                    if len(self.built()) < len(self.packages):
                        self._make(progress)
        except OSError as error:
            raise of_system(error, cache_folder(), ", or set XDG_CACHE_HOME to another place") from error
        return self.built()

    def _make(self, progress: Progress) -> None:
        go, needed = shutil.which("go"), self.pinned(r"^go ")
        if go is None:
            raise Fault(self.without_go.format(version=self.version, go=needed))
        progress.step(f"building {self.name} {self.version} from Go modules, once; {self.time}")
        for left_over in self.folder.glob("build-*"):
            shutil.rmtree(left_over)
        flags = ["-ldflags", f"-s -w {self.flags.format(version=self.version)}".rstrip()]
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
                    self._explain(name, last, needed)
                # In one step: whoever sees the file sees all of it.
                (Path(work) / name).replace(self.folder / name)
                progress.step(f"{name} {self.version} is built: {self.folder / name}")

    def _explain(self, name: str, last: str, needed: str) -> None:
        means = (text for pattern, text in CAUSES.items() if re.search(pattern, last))
        cause = next(means, "see what Go says.")
        cause = cause.format(go=needed, cache=cache_folder(), instead=self.instead)
        raise Fault(f"{name} cannot be built: {cause}\nGo says:\n{last}")


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
