"""Hand-over of a folder between jobs of a workflow: python -m tools.handover pack|unpack NAME FOLDER.

`pack` writes the folder to .handover/NAME.tar, and sets the archive's digest as the step's output `digest`.
`unpack` compares the archive with the digest in the variable DIGEST, which must be that output, and extracts
the archive into the folder.

Any job of a run can replace an artifact, and actions/download-artifact only warns about an unexpected digest
(its src/download-artifact.ts, v4.3.0). So the job that unpacks compares the digest itself. Only the standard
library is used, since nothing is installed yet.
"""

import hashlib
import os
import re
import sys
import tarfile
from pathlib import Path

ARCHIVES = Path(".handover")
"""Folder of the archives, in the checkout."""
USAGE = "usage: python -m tools.handover pack|unpack NAME FOLDER"


class HandoverError(Exception):
    """An archive that must not be used, or a folder that cannot be packed."""


def main(arguments: list[str]) -> int:
    """Pack or unpack a folder; return 0, 1 for a failure, or 2 for wrong arguments."""
    if len(arguments) != 3 or arguments[0] not in ("pack", "unpack"):
        print(USAGE, file=sys.stderr)
        return 2
    action, name, folder = arguments
    try:
        if action == "pack":
            publish(pack(name, Path(folder)))
        else:
            unpack(name, Path(folder), os.environ.get("DIGEST", ""))
    except (HandoverError, OSError, tarfile.TarError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def pack(name: str, folder: Path) -> str:
    """Write the folder's content to the archive NAME.tar; return the archive's SHA-256 digest."""
    if not folder.is_dir():
        raise HandoverError(f"{folder} is not a folder, so it cannot be handed over")
    archive = ARCHIVES / f"{name}.tar"
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return digest_of(archive)


def unpack(name: str, folder: Path, digest: str) -> None:
    """Extract the archive NAME.tar into a folder that does not exist yet.

    Refuse an archive with another digest. The filter `data` refuses members and links that lead out of the
    folder, and devices (https://docs.python.org/3/library/tarfile.html#tarfile.data_filter).
    """
    archive = ARCHIVES / f"{name}.tar"
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise HandoverError(f"DIGEST is {digest!r}, which cannot be the SHA-256 digest of {archive}")
    if (actual := digest_of(archive)) != digest:
        raise HandoverError(
            f"{archive} has the digest {actual}, but the job that packed it reported {digest}"
        )
    if folder.exists():
        raise HandoverError(f"{folder} already exists, so {archive} is not extracted into it")
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise HandoverError(f"Python {version} cannot extract {archive} safely; use 3.11.4 or newer")
    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    print(f"extracted {archive} with the digest {digest} into {folder}")


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
