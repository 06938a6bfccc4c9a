"""Files that a killed run or a full disk leaves complete."""

import os
import tempfile
from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Replace a file atomically, so that a full disk or a kill leaves the old file; the mode is 0600."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
