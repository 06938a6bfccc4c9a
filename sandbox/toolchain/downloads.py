"""Programs from the archives of published releases, each with a checksum."""

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tarfile
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sandbox.progress import Progress

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

VARIABLE = "SANDBOX_DOWNLOADS"
"""Environment variable that switches downloads of releases and plugins off if its value is `never`."""

CONNECTING_SECONDS, READING_SECONDS = 5, 10
"""Seconds for which a server may be silent; after that, the programs are built from Go modules."""

CHUNK_BYTES = 2**20

CHECKSUM_FILE_BYTES = 2**20
"""Size limit of a file with checksums."""

MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Go's name of each processor architecture, by the name that `platform.machine` returns."""


class DownloadError(Exception):
    """A release that cannot be used. The message completes a sentence after the address of the archive."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """The archives of a release: the table `download` of a recipe in recipes.toml.

    The strings have the placeholders {version}, {platform} and, in `member`, {program}.
    """

    url: str
    """The address of the archive, a compressed tar file."""
    member: str
    """The path of a program in the archive."""
    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    """The pinned digests of the archives by platform, such as `linux-amd64`: `<algorithm>:<hex digest>`."""
    checksums: str = ""
    """The address of the publisher's file with SHA-256 digests, for a release whose digests are not pinned.

    It proves only that the archive arrived as the publisher's server has it.
    """
    platforms: Mapping[str, str] = field(default_factory=dict[str, str])
    """The platform's name in the addresses; by default, as in `digests`."""


def allowed() -> bool:
    """Return True unless the environment switches downloads off."""
    return os.environ.get(VARIABLE) != "never"


def this_platform() -> str:
    """Return the operating system and the architecture of this machine, such as `linux-amd64`."""
    machine = platform.machine().lower()
    return f"{sys.platform}-{MACHINES.get(machine, machine)}"


def fetch(release: Release, programs: Iterable[str], version: str, folder: Path, progress: Progress) -> bool:
    """Download a release and put its programs into a folder; return True if the folder has them now.

    Print the reason if the release cannot be used. A machine for which there is no archive, and a machine
    that allows no downloads, get no message. Raise OSError if the folder cannot be written.
    """
    machine = this_platform()
    if not allowed() or machine not in (release.platforms or release.digests):
        return False
    values = {"version": version, "platform": release.platforms.get(machine, machine)}
    url = release.url.format(**values)
    archive = folder / "download"
    progress.doing(f"downloading {url}")
    try:
        expected = release.digests.get(machine) or _published_digest(release.checksums.format(**values), url)
        _save(url, archive, expected, progress)
        members = {name: release.member.format(program=name, **values) for name in programs}
        _extract(archive, members, folder)
    except DownloadError as error:
        progress.step(f"{url} {error}; building from Go modules instead")
        return False
    finally:
        archive.unlink(missing_ok=True)
    progress.step(f"downloaded {', '.join(members)} {version} from {url}; its checksum is right")
    return True


def _published_digest(checksums: str, url: str) -> str:
    """Return the digest of an archive in the publisher's file with lines such as `<digest>  <file>`."""
    with _response(checksums) as response:
        lines = response.read(CHECKSUM_FILE_BYTES).decode(errors="replace").splitlines()
    name = urlsplit(url).path.rpartition("/")[2]
    for line in lines:
        digest, _, file = line.partition(" ")
        if file.strip().removeprefix("*") == name:
            return f"sha256:{digest}"
    raise DownloadError(f"is not in {checksums}")


def _save(url: str, file: Path, expected: str, progress: Progress) -> None:
    """Save an archive that has the expected digest; raise DownloadError otherwise."""
    algorithm, _, digest = expected.partition(":")
    actual = hashlib.new(algorithm)
    size = 0
    with _response(url) as response, file.open("wb") as out:
        total = int(response.headers.get("Content-Length", 0)) >> 20
        for chunk in response.stream(CHUNK_BYTES):
            actual.update(chunk)
            out.write(chunk)
            size += len(chunk)
            progress.tick(f"downloading {url}: {size >> 20} of {total} MB")
    if actual.hexdigest() != digest:
        raise DownloadError(f"has the checksum {algorithm}:{actual.hexdigest()}, not {expected}")


def _extract(archive: Path, members: Mapping[str, str], folder: Path) -> None:
    """Extract the programs; a rename is atomic, so no other process sees half of a program."""
    try:
        with tarfile.open(archive) as tar:
            for name, member in members.items():
                source = tar.extractfile(member)
                if source is None:
                    raise DownloadError(f"has no file {member}")
                part = folder / f"{name}.part"
                with source, part.open("wb") as out:
                    shutil.copyfileobj(source, out)
                part.chmod(0o755)
                part.replace(folder / name)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise DownloadError(f"cannot be unpacked: {error}") from error


@contextlib.contextmanager
def _response(url: str) -> "Generator[BaseHTTPResponse]":
    """Yield the response to a GET request through the caller's proxy; raise DownloadError without one."""
    # Most commands find their programs in the cache, and need no HTTP client.
    import urllib3
    from urllib3.exceptions import HTTPError

    address = urlsplit(url)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        pool: PoolManager = urllib3.ProxyManager(proxy)
    else:
        pool = urllib3.PoolManager()
    retries = urllib3.Retry(total=None, connect=0, read=0, other=0, redirect=5)
    timeout = urllib3.Timeout(connect=CONNECTING_SECONDS, read=READING_SECONDS)
    try:
        with contextlib.closing(
            pool.request("GET", url, preload_content=False, timeout=timeout, retries=retries)
        ) as response:
            if response.status != 200:
                raise DownloadError(f"answers with status {response.status}")
            yield response
    except HTTPError as error:
        cause = getattr(error, "reason", error)
        raise DownloadError(f"does not answer ({type(cause).__name__})") from error
    finally:
        pool.clear()
