"""Which `pulumi` runs: the caller's own if it is new enough, else one built from pinned Go modules, once."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

from sandbox.fault import Fault, of_system
from sandbox.progress import Progress

TOOLCHAIN = Path(__file__).parent / "toolchain" / "pulumi"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_FLAG = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"

CAUSES = {
    r"requires go >=|unknown directive|invalid go version|toolchain not available": (
        "Go is too old. Install Go {go} or newer (https://go.dev/dl/), or put pulumi itself on PATH."
    ),
    r"no space left on device|disk quota exceeded": (
        "the disk is full. Free about 4 GB for Go's caches (go env GOCACHE GOMODCACHE) and {cache}."
    ),
    r"dial tcp|no such host|timeout|connection re(fused|set)|TLS handshake|proxyconnect|\b(403|410|50\d) ": (
        "the Go module registry cannot be reached. Check the network and GOPROXY (go env GOPROXY), "
        "or put pulumi itself on PATH. What is downloaded already is kept."
    ),
}
"""What a failed build says, and what that means."""


def find(progress: Progress) -> Path:
    """The engine: PULUMI, else the PATH's, else the cache's, built now if need be."""
    wanted = pinned(r"github\.com/pulumi/pulumi/pkg/v3 v")
    given = os.environ.get("PULUMI")
    if program := given or shutil.which("pulumi"):
        found = _version(program)
        # The SDK insists on its own major version.
        if found and _parts(found)[0] == _parts(wanted)[0] and _parts(found) >= _parts(wanted):
            return Path(shutil.which(program) or program).absolute()
        needed = f"{wanted} or a newer 3.x is needed"
        if given:
            raise Fault(f"PULUMI={given} is {found or 'no pulumi that runs'}; {needed}. Or unset PULUMI.")
        progress.step(f"pulumi {found} on PATH will not do, {needed}: the pinned one is used")
    return _cached(wanted, progress)


def pinned(before: str) -> str:
    """The version in go.mod that follows the pattern `before`."""
    match = re.search(rf"{before}([\d.]+)", (TOOLCHAIN / "go.mod").read_text(), re.MULTILINE)
    if match is None:
        raise Fault(f"{TOOLCHAIN / 'go.mod'} pins nothing that looks like {before!r}.")
    return match[1]


def cache_folder() -> Path:
    """Where built engines are kept: XDG_CACHE_HOME, by its specification ignored when not absolute."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "pipe-infrastructure"


def _cached(version: str, progress: Progress) -> Path:
    modules = (TOOLCHAIN / "go.mod").read_bytes() + (TOOLCHAIN / "go.sum").read_bytes()
    folder = cache_folder() / f"pulumi-{version}-{hashlib.sha256(modules).hexdigest()[:12]}"
    binary = folder / "pulumi"
    if binary.exists():
        return binary
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            progress.doing("another run is building the engine; waiting for it")
            while not _locked(lock.fileno()):
                progress.tick()
                time.sleep(0.5)
            if not binary.exists():
                _build(version, binary, progress)
    except OSError as error:
        raise of_system(error, cache_folder(), ", or set XDG_CACHE_HOME to another place") from error
    return binary


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build(version: str, binary: Path, progress: Progress) -> None:
    go, needed = shutil.which("go"), pinned(r"^go ")
    if go is None:
        raise Fault(
            f"no pulumi {version} or newer on PATH, and no Go to build it with. Install Go {needed} or newer "
            "(https://go.dev/dl/) or pulumi (https://www.pulumi.com/docs/install/), and run this again."
        )
    progress.step(f"building pulumi {version} from Go modules, once; some five minutes on two cores")
    for left_over in binary.parent.glob("build-*"):
        shutil.rmtree(left_over)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix="build-") as work:
        made = Path(work) / "pulumi"
        process = subprocess.Popen(
            [go, "build", "-v", "-o", made, "-ldflags", f"-s -w -X {VERSION_FLAG}={version}", PACKAGE],
            cwd=TOOLCHAIN,
            env=os.environ | {"GOFLAGS": "-mod=readonly -buildvcs=false"},
            stderr=subprocess.PIPE,
            text=True,
        )
        last = _follow(process, progress)
        if process.returncode != 0:
            means = (text for pattern, text in CAUSES.items() if re.search(pattern, last))
            cause = next(means, "see what Go says.").format(go=needed, cache=cache_folder())
            raise Fault(f"pulumi cannot be built: {cause}\nGo says:\n{last}")
        made.replace(binary)  # in one step: whoever sees the file sees all of it
    progress.step(f"pulumi {version} is built: {binary}")


def _follow(process: "subprocess.Popen[str]", progress: Progress) -> str:
    """See the build to its end; its last words, but for the names of modules and packages."""
    last = deque[str](maxlen=15)
    done = {"downloaded": 0, "compiled": 0}

    def read() -> None:
        for line in process.stderr or ():
            if " " not in line or line.startswith("go: downloading "):
                done["downloaded" if " " in line else "compiled"] += 1
            else:
                last.append(line.rstrip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(0.5)
            progress.tick(f"modules downloaded: {done['downloaded']}, packages compiled: {done['compiled']}")
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
    return "\n".join(last)


def _version(program: str) -> str | None:
    """The version that a program calls itself, without the v; None when it does not run."""
    try:
        env = os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
        said = subprocess.run(
            [program, "version"], env=env, capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+\.\d+\.\d+)", said)
    return match[1] if match else None


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
