"""Hand-over of a folder or a file between jobs of a workflow: python -m tools.handover pack|unpack NAME PATH.

`pack` writes the folder to .handover/NAME.tar, and sets the archive's digest as the step's output `digest`.
`unpack` compares the archive with the digest in the variable DIGEST, which must be that output, and extracts
the archive into the folder. `pack-file` and `unpack-file` do the same for a single file. A digest shows only
which job made an archive. That job may run foreign code, so `unpack-file` refuses any other member.

Any job of a run can replace an artifact, and actions/download-artifact only warns about an unexpected digest
(its src/download-artifact.ts, v4.3.0). So the job that unpacks compares the digest itself. Only the standard
library is used, since nothing is installed yet.
"""

import hashlib
import os
import re
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

ARCHIVES = Path(".handover")
"""Folder of the archives, in the checkout."""
SHOWN = 5
"""Largest number of members that a message names."""
USAGE = "usage: python -m tools.handover pack|unpack NAME FOLDER, or pack-file|unpack-file NAME FILE"


class HandoverError(Exception):
    """An archive that must not be used, or a folder that cannot be packed."""


def main(arguments: list[str]) -> int:
    """Pack or unpack a folder or file; return 0, 1 for a failure, or 2 for wrong arguments."""
    if len(arguments) != 3 or arguments[0] not in ("pack", "unpack", "pack-file", "unpack-file"):
        print(USAGE, file=sys.stderr)
        return 2
    action, name, path = arguments[0], arguments[1], Path(arguments[2])
    digest = os.environ.get("DIGEST", "")
    try:
        if action == "pack":
            publish(pack(name, path))
        elif action == "pack-file":
            publish(pack_file(name, path))
        elif action == "unpack":
            unpack(name, path, digest)
        else:
            unpack_file(name, path, digest)
    except (HandoverError, OSError, tarfile.TarError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def pack(name: str, folder: Path) -> str:
    """Write the folder's content to the archive NAME.tar; return the archive's SHA-256 digest."""
    if not folder.is_dir():
        raise HandoverError(f"{folder} is not a folder, so it cannot be handed over")
    return write_archive(name, sorted(folder.iterdir()))


def pack_file(name: str, file: Path) -> str:
    """Write a file to the archive NAME.tar; return the archive's SHA-256 digest."""
    if file.is_symlink() or not file.is_file():
        raise HandoverError(f"{file} is not a file, so it cannot be handed over")
    return write_archive(name, [file])


def write_archive(name: str, paths: Iterable[Path]) -> str:
    """Write files and folders to the archive NAME.tar; return the archive's SHA-256 digest."""
    archive = ARCHIVES / f"{name}.tar"
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w") as tar:
        for path in paths:
            tar.add(path, path.name)
    return digest_of(archive)


def unpack(name: str, folder: Path, digest: str) -> None:
    """Extract the archive NAME.tar into a folder that does not exist yet.

    Refuse an archive with another digest. The filter `data` refuses members and links that lead out of the
    folder, and devices (https://docs.python.org/3/library/tarfile.html#tarfile.data_filter).
    """
    archive = verified_archive(name, folder, digest)
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise HandoverError(f"Python {version} cannot extract {archive} safely; use 3.11.4 or newer")
    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    print(f"extracted {archive} with the digest {digest} into {folder}")


def unpack_file(name: str, file: Path, digest: str) -> None:
    """Write the only member of the archive NAME.tar to a file that does not exist yet.

    Refuse an archive with another digest, or with any other member.
    """
    archive = verified_archive(name, file, digest)
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        content = tar.extractfile(members[0]) if len(members) == 1 and members[0].isreg() else None
        if content is None or members[0].name != file.name:
            names = ", ".join(repr(member.name) for member in members[:SHOWN])
            raise HandoverError(f"{archive} has the members {names}; allowed: the file {file.name} alone")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.read())
    print(f"extracted {archive} with the digest {digest} to {file}")


def verified_archive(name: str, target: Path, digest: str) -> Path:
    """Return the path of the archive NAME.tar; refuse another digest, and a target that exists already."""
    archive = ARCHIVES / f"{name}.tar"
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise HandoverError(f"DIGEST is {digest!r}, which cannot be the SHA-256 digest of {archive}")
    if (actual := digest_of(archive)) != digest:
        raise HandoverError(
            f"{archive} has the digest {actual}, but the job that packed it reported {digest}"
        )
    if target.exists() or target.is_symlink():
        raise HandoverError(f"{target} already exists, so {archive} is not extracted into it")
    return archive


def digest_of(file: Path) -> str:
    """Return the SHA-256 digest of a file, as 64 hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def publish(digest: str) -> None:
    """Set the step's output `digest`, and print it."""
    print(f"digest={digest}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(f"digest={digest}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
